// A weight in 8 bits, and what is multiplied with it.
#ifndef MAGNET_MODEL_INT8_INT8_WEIGHT_H_
#define MAGNET_MODEL_INT8_INT8_WEIGHT_H_

#include "absl/functional/function_ref.h"
#include "model/int8/int8_kernels.h"
#include "model/int8/quantized_rows.h"
#include "model/torch.h"

namespace magnet {

// [out, in] in whole numbers with a scale per output and group, in the order of Int8ColumnBlock.
// Inputs are rows x [M, in]. Each product is one pass: sums are scaled, and
// added or activated, block by block while they are in the cache. What a row becomes does not
// depend on the other rows or on the number of threads. Immutable; any thread.
class Int8Weight {
 public:
  Int8Weight() = default;  // none
  // `weight` [out, in] of any real type, `bias` [out] or undefined. An output with a weight that
  // is not finite is never a number.
  Int8Weight(const torch::Tensor& weight, const torch::Tensor& bias);

  // x weight^T + bias: [M, out] float32.
  torch::Tensor Multiply(const QuantizedRows& x) const;
  // The same, added to `sum` [M, out] float32, contiguous.
  void AddProduct(const QuantizedRows& x, torch::Tensor& sum) const;
  // gelu(x weight^T + bias), quantized again: out in the place of in.
  QuantizedRows MultiplyGelu(const QuantizedRows& x) const;

  int64_t num_bytes() const;

 private:
  // Takes a row of a block of sums, [kInt8Columns] from `column` on, and may overwrite it.
  using UseSums =
      absl::FunctionRef<void(int64_t row, int64_t column, const Int8Output& output, float* sums)>;
  // Calls `use` for each row of each block of sums, on many threads.
  void ForEachRowOfSums(const QuantizedRows& x, UseSums use) const;

  int64_t out_ = 0;
  torch::Tensor values_;   // [column blocks, 2, groups * kInt8Group / 4, kInt8Panel, 4] int8
  torch::Tensor offsets_;  // [groups, column blocks * kInt8Columns] int32
  torch::Tensor scales_;   // likewise, float32
  torch::Tensor bias_;     // [out] float32, or undefined
};

}  // namespace magnet

#endif  // MAGNET_MODEL_INT8_INT8_WEIGHT_H_
