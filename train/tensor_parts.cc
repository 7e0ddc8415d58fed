#include "train/tensor_parts.h"

#include "absl/strings/match.h"

namespace magnet {

TensorMap TensorsUnder(const TensorMap& tensors, const std::string& prefix) {
  TensorMap part;
  for (const auto& [name, tensor] : tensors) {
    if (absl::StartsWith(name, prefix)) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

void AddTensorsUnder(const TensorMap& part, const std::string& prefix, TensorMap& tensors) {
  for (const auto& [name, tensor] : part) tensors[prefix + name] = tensor;
}

}  // namespace magnet
