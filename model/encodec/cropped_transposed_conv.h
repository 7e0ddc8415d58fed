// Transposed convolution over time that crops its output so that n positions
// become n * stride.
#ifndef MAGNET_MODEL_ENCODEC_CROPPED_TRANSPOSED_CONV_H_
#define MAGNET_MODEL_ENCODEC_CROPPED_TRANSPOSED_CONV_H_

#include <cstdint>
#include <memory>

#include "model/encodec/codec_weights.h"
#include "model/encodec/padded_conv.h"
#include "model/encodec/seanet_layer.h"
#include "model/torch.h"

namespace magnet {

struct CroppedTransposedConvOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel_size = 2;  // >= stride
  int64_t stride = 1;
  bool causal = false;
  double trim_right_ratio = 1.0;  // causal only: share of the crop taken on the right
};

// Weights `convtr.convtr.weight` [in, out, kernel] and `convtr.convtr.bias`
// [out].
class CroppedTransposedConv : public SeanetLayer {
 public:
  explicit CroppedTransposedConv(const CroppedTransposedConvOptions& options);

  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;
  void ComputeIn(torch::Dtype dtype) override;

  // Without any crop: [B, in, n] -> [B, out, (n - 1) * stride + kernel].
  torch::Tensor Convolve(const torch::Tensor& x) const;

  // Positions cropped from the beginning and the end; together kernel - stride.
  Padding crop() const;

  const CroppedTransposedConvOptions& options() const { return options_; }
  const torch::Tensor& bias() const { return conv_->bias; }  // [out]

 private:
  torch::Tensor ConvolveRows(const torch::Tensor& rows) const;

  CroppedTransposedConvOptions options_;
  ConvWeights conv_{nullptr};  // by rows: in memory as [in, kernel, out]
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_CROPPED_TRANSPOSED_CONV_H_
