// Where exceptions of the tensor library become statuses.
#ifndef MAGNET_MODEL_TORCH_ERRORS_H_
#define MAGNET_MODEL_TORCH_ERRORS_H_

#include <exception>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace magnet {

// Runs `body` and returns its status; an exception becomes RESOURCE_EXHAUSTED
// (out of memory) or INTERNAL, with `what` (e.g. "decoding step") before its
// message.
absl::Status CatchTorchErrors(const std::string& what, const std::function<absl::Status()>& body);

// The exception's message, without the backtrace that LibTorch puts behind its own.
std::string MessageOf(const std::exception& error);

}  // namespace magnet

#endif  // MAGNET_MODEL_TORCH_ERRORS_H_
