// What a failed call says, taken apart.
#ifndef MAGNET_CLIENT_CALL_ERROR_H_
#define MAGNET_CLIENT_CALL_ERROR_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace magnet::client {

// A status with the google.rpc details of grpc-status-details-bin.
struct CallError {
  std::string code;  // "INVALID_ARGUMENT"
  std::string message;
  std::string reason;  // of ErrorInfo; may be empty
  // Of BadRequest: field, what is wrong with it.
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<absl::Duration> retry_delay;  // of RetryInfo
};

// "RESOURCE_EXHAUSTED"; "CODE_42" for one that gRPC does not define.
std::string CodeName(grpc::StatusCode code);

// The status of a finished call. A balancer that has lost its server in the middle of a
// stream may end the stream without a status, which gRPC calls UNKNOWN; here it is what it
// would be without the balancer, UNAVAILABLE. Recognised by trailers that are missing.
grpc::Status FinalStatus(const grpc::ClientContext& context, const grpc::Status& status);

// Details that cannot be read are left out.
CallError ReadCallError(const grpc::Status& status);

// For a person: one line, then one indented line per field.
std::string CallErrorText(const CallError& error);

// {"code", "message", "reason", "fields": [{"field", "description"}],
// "retry_delay_seconds"}; what is not known is left out.
nlohmann::json CallErrorJson(const CallError& error);

// What the server of a finished call asks for before another try:
// grpc-retry-pushback-ms, or else RetryInfo. A pushback that is not a number
// forbids one, as gRPC's retry design has it.
std::optional<absl::Duration> ServerDelay(const grpc::ClientContext& context,
                                          const grpc::Status& status);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CALL_ERROR_H_
