// What travels beside the messages of a call: metadata and its deadline.
#ifndef MAGNET_SERVER_CALL_METADATA_H_
#define MAGNET_SERVER_CALL_METADATA_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/request_log.h"

namespace magnet {

// The first value of a key; empty when there is none. The view lives as long as
// the context.
std::string_view ClientMetadata(const grpc::CallbackServerContext& context, const char* key);

// The client's x-request-id where it is 1 to 64 printable characters, else 16
// random hexadecimal digits.
std::string RequestId(const grpc::CallbackServerContext& context);

// The client's traceparent where it is well-formed (W3C Trace Context), else empty.
std::string TraceParent(const grpc::CallbackServerContext& context);

// Infinite where the client set none.
absl::Time Deadline(const grpc::CallbackServerContext& context);

// A seed for a request that has none: random, and short enough to be typed.
uint64_t FreshSeed();

// x-request-id, traceparent, and grpc-retry-pushback-ms where a retry is welcome.
void AddTrailers(grpc::CallbackServerContext& context, const RequestRecord& record,
                 std::optional<absl::Duration> retry_delay);

}  // namespace magnet

#endif  // MAGNET_SERVER_CALL_METADATA_H_
