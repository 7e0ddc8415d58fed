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

namespace {

TensorShapes ShapesOf(const torch::nn::Module& module) {
  TensorShapes shapes;
  for (const auto& [name, tensor] : ModuleTensors(module)) shapes[name] = tensor.sizes().vec();
  return shapes;
}

// The tensors of `module`, whose names begin with `prefix`, then those of its children.
void Load(TensorMap& tensors, const std::string& prefix, torch::nn::Module& module,
          const std::function<void(torch::nn::Module&)>& loaded) {
  const auto load = [&](const std::string& name, const torch::Tensor& target) {
    const auto found = tensors.find(prefix + name);
    TORCH_CHECK(found != tensors.end(), prefix, name, " belongs to two modules");
    target.copy_(found->second);
    tensors.erase(found);
  };
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    load(item.key(), item.value().detach());
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) load(item.key(), item.value());
  for (const auto& child : module.named_children()) {
    Load(tensors, prefix + child.key() + ".", *child.value(), loaded);
  }
  if (loaded) loaded(module);
}

}  // namespace

absl::Status LoadModule(TensorMap tensors, const std::string& source, torch::nn::Module& module,
                        const std::function<void(torch::nn::Module&)>& loaded) {
  absl::Status status = CheckTensorShapes(tensors, source, ShapesOf(module));
  if (!status.ok()) return status;
  const torch::NoGradGuard no_grad;
  Load(tensors, "", module, loaded);
  return absl::OkStatus();
}

}  // namespace magnet
