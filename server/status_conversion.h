// Errors with google.rpc details, and the only place that makes a grpc::Status.
//
// Inside the server an error is an absl::Status. What a program at the other end
// can act on travels as payloads whose type URLs and bytes are those of
// google.rpc messages; ToGrpcStatus moves them into grpc-status-details-bin.
#ifndef MAGNET_SERVER_STATUS_CONVERSION_H_
#define MAGNET_SERVER_STATUS_CONVERSION_H_

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace magnet {

// The domain of every ErrorInfo of this server.
inline constexpr std::string_view kErrorDomain = "magnet.v1";

// Texts are cut where they are longer than what trailers can carry: messages after
// 300 bytes, descriptions of fields after 200; and no more than 16 fields are listed.

// An error with an ErrorInfo. `reason` is one of those listed at MusicService in
// music.proto.
absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message);

// The same with a RetryInfo: the caller may try again after `delay`.
absl::Status MakeRetryableError(absl::StatusCode code, std::string_view reason,
                                std::string_view message, absl::Duration delay);

// One wrong field of a request; `field` is its path in the proto.
struct FieldViolation {
  std::string field;
  std::string description;
};

// INVALID_ARGUMENT with reason INVALID_REQUEST and a BadRequest of the violations
// (at least one); the message is the first of them and how many more there are.
absl::Status MakeBadRequest(const std::vector<FieldViolation>& violations);

// The delay of the RetryInfo of `status`, if it has one.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

// The reason of the ErrorInfo of `status`; empty when it has none.
std::string ErrorReason(const absl::Status& status);

// The same code, message and details. An error without ErrorInfo, which comes
// from the engine, gets the reason that fits its code.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Upper-case name of a code as Prometheus labels and logs show it, e.g.
// "RESOURCE_EXHAUSTED".
std::string CodeName(absl::StatusCode code);

}  // namespace magnet

#endif  // MAGNET_SERVER_STATUS_CONVERSION_H_
