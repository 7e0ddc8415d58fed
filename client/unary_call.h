// Calls with one answer: deadline, key, retries and Ctrl-C.
#ifndef MAGNET_CLIENT_UNARY_CALL_H_
#define MAGNET_CLIENT_UNARY_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>

#include "client/channel.h"
#include "client/environment.h"
#include "client/retry_policy.h"

namespace magnet::client {

// Not owned: outlive the call.
struct UnarySetting {
  const Environment* environment = nullptr;
  const Connection* connection = nullptr;
  RetryOptions retry = {};
};

// Runs `call` with a prepared context until it succeeds or is not worth another
// try. Interrupting cancels it.
grpc::Status CallUnary(const UnarySetting& setting,
                       const std::function<grpc::Status(grpc::ClientContext*)>& call);

// The exit code of a failed call, after printing what failed, to stdout too if
// `json`; that of the interrupt where there was one.
int FailUnary(const UnarySetting& setting, const grpc::Status& status, bool json);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_UNARY_CALL_H_
