#include "model/layers/packed_weight.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <vector>

namespace magnet {
namespace {

// Operators of LibTorch that its C++ interface does not declare.
torch::Tensor Call(const char* name, torch::jit::Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(&arguments);
  return arguments.at(0).toTensor();
}

// oneDNN writes a program for each number of rows, which takes milliseconds, and steps have
// any: they are filled up to a few.
int64_t FilledUp(int64_t rows) {
  constexpr int64_t kSmallest = 16, kStep = 128;
  if (rows > kStep) return (rows + kStep - 1) / kStep * kStep;
  int64_t filled = kSmallest;
  while (filled < rows) filled *= 2;
  return filled;
}

// What another product made has its own filling behind it: any values do, as a row of a product
// depends on no other.
bool HasRowsBehind(const torch::Tensor& rows, int64_t count) {
  const auto end = static_cast<uint64_t>(rows.storage_offset() + count * rows.size(1));
  return rows.is_contiguous() && end * rows.element_size() <= rows.storage().nbytes();
}

torch::Tensor FillUp(const torch::Tensor& rows, int64_t count) {
  if (rows.size(0) == count) return rows;
  if (HasRowsBehind(rows, count)) return rows.as_strided({count, rows.size(1)}, rows.strides());
  torch::Tensor filled = torch::empty({count, rows.size(1)}, rows.options());
  filled.narrow(0, 0, rows.size(0)).copy_(rows);
  filled.narrow(0, rows.size(0), count - rows.size(0)).zero_();
  return filled;
}

// Rows that the order is chosen for, about a guided window's; others are right too.
constexpr int64_t kExpectedRows = 1024;

c10::IValue OrNone(const torch::Tensor& tensor) {
  return tensor.defined() ? c10::IValue(tensor) : c10::IValue();
}

}  // namespace

PackedWeight::PackedWeight(const torch::Tensor& weight)
    : weight_(Call("mkldnn::_reorder_linear_weight", {weight.contiguous(), kExpectedRows})) {}

torch::Tensor PackedWeight::Multiply(const torch::Tensor& x, const torch::Tensor& bias,
                                     Activation activation) const {
  const torch::Tensor rows = x.reshape({-1, x.size(-1)});
  const bool gelu = activation == Activation::kGelu;
  const torch::Tensor y =
      Call("mkldnn::_linear_pointwise",
           {FillUp(rows, FilledUp(rows.size(0))), weight_, OrNone(bias), gelu ? "gelu" : "none",
            c10::List<std::optional<at::Scalar>>(), gelu ? "none" : ""});
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = y.size(1);
  return y.narrow(0, 0, rows.size(0)).view(sizes);
}

}  // namespace magnet
