#include "model/checkpoint/tensor_map.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/tensor_shapes.h"

namespace magnet {

TensorMap ModuleTensors(const torch::nn::Module& module) {
  TensorMap tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value().detach();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value().detach();
  return tensors;
}

absl::Status LoadModule(const TensorMap& tensors, const std::string& source,
                        torch::nn::Module& module) {
  const TensorMap targets = ModuleTensors(module);
  TensorShapes expected;
  for (const auto& [name, target] : targets) expected[name] = target.sizes().vec();
  if (absl::Status status = CheckTensorShapes(tensors, source, expected); !status.ok()) {
    return status;
  }
  const torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) target.copy_(tensors.at(name));
  return absl::OkStatus();
}

}  // namespace magnet
