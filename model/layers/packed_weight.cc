#include "model/layers/packed_weight.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace magnet {
namespace {

// Operators of LibTorch that its C++ interface does not declare.
torch::Tensor Call(const char* name, torch::jit::Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(&arguments);
  return arguments.at(0).toTensor();
}

// Rows that the order is chosen for, about a guided window's; others are right too.
constexpr int64_t kExpectedRows = 1000;

c10::IValue OrNone(const torch::Tensor& tensor) {
  return tensor.defined() ? c10::IValue(tensor) : c10::IValue();
}

}  // namespace

PackedWeight::PackedWeight(const torch::Tensor& weight)
    : weight_(Call("mkldnn::_reorder_linear_weight", {weight.contiguous(), kExpectedRows})) {}

torch::Tensor PackedWeight::Multiply(const torch::Tensor& x, const torch::Tensor& bias,
                                     Activation activation) const {
  const bool gelu = activation == Activation::kGelu;
  return Call("mkldnn::_linear_pointwise",
              {x, weight_, OrNone(bias), gelu ? "gelu" : "none",
               c10::List<std::optional<at::Scalar>>(), gelu ? "none" : ""});
}

}  // namespace magnet
