// Names with dots: the checkpoints call a convolution's weight
// `conv.conv.weight`, a residual block's `block.1.conv.conv.weight`.
#ifndef MAGNET_MODEL_ENCODEC_NESTED_MODULE_H_
#define MAGNET_MODEL_ENCODEC_NESTED_MODULE_H_

#include <memory>
#include <string>

#include "model/torch.h"

namespace magnet {

// A module without a function of its own that holds `child` under `name`.
class NestedModuleImpl : public torch::nn::Module {
 public:
  template <typename Child>
  NestedModuleImpl(const std::string& name, Child child) {
    register_module(name, std::move(child));
  }
};
TORCH_MODULE(NestedModule);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_NESTED_MODULE_H_
