// Rows of activations in 8 bits (int8_kernels.h). For inference on a CPU; no gradients.
#ifndef MAGNET_MODEL_INT8_QUANTIZED_ROWS_H_
#define MAGNET_MODEL_INT8_QUANTIZED_ROWS_H_

#include "model/torch.h"

namespace magnet {

// Shares its tensors. `groups` is the width in groups of kInt8Group, filled up with zeros.
struct QuantizedRows {
  torch::Tensor values;  // [M, groups * kInt8Group] uint8, the range of BestInt8Kernels() added
  torch::Tensor scales;  // [M, groups] float32

  // Of `count` rows of `width` values, not yet set.
  static QuantizedRows Empty(int64_t count, int64_t width);

  int64_t count() const { return values.size(0); }
  // The rows that `rows` [N] (int64) names.
  QuantizedRows Select(const torch::Tensor& rows) const;
};

// x [..., D] float32, contiguous.
QuantizedRows Quantize(const torch::Tensor& x);

// Layer norm of x [..., D] float32, contiguous, then Quantize, in one pass over it.
QuantizedRows NormalizeAndQuantize(const torch::Tensor& x, torch::nn::LayerNormImpl& norm);

}  // namespace magnet

#endif  // MAGNET_MODEL_INT8_QUANTIZED_ROWS_H_
