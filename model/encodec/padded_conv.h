// Convolution over time that pads its input so that n positions become
// ceil(n / stride).
#ifndef MAGNET_MODEL_ENCODEC_PADDED_CONV_H_
#define MAGNET_MODEL_ENCODEC_PADDED_CONV_H_

#include <cstdint>
#include <memory>

#include "model/encodec/codec_weights.h"
#include "model/encodec/seanet_layer.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

struct PaddedConvOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel_size = 1;  // >= stride
  int64_t stride = 1;
  int64_t dilation = 1;  // 1 where stride > 1
  bool causal = false;
  PadMode pad_mode = PadMode::kReflect;
};

// Positions added before and after a signal, by the rule of the whole model:
// causal: all before; else half each, the odd one before.
struct Padding {
  int64_t left = 0;
  int64_t right = 0;

  int64_t total() const { return left + right; }
};
Padding SplitPadding(int64_t total, bool causal);

// Pads x [B, C, n]. Reflection repeats neither end; where n does not exceed the
// longer side, zeros are appended until it does, and taken off again afterwards
// (so the result is [B, C, left + n + right] in every case). n >= 1.
torch::Tensor PadSignal(const torch::Tensor& x, Padding padding, PadMode mode);

// Weights `conv.conv.weight` [out, in, kernel] and `conv.conv.bias` [out].
class PaddedConv : public SeanetLayer {
 public:
  explicit PaddedConv(const PaddedConvOptions& options);

  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;
  void ComputeIn(torch::Dtype dtype) override;

  // The convolution with `zeros` zeros on either side: [B, in, n] -> [B, out,
  // n'].
  torch::Tensor Convolve(const torch::Tensor& x, int64_t zeros = 0) const;

  const PaddedConvOptions& options() const { return options_; }
  const torch::Tensor& bias() const { return conv_->bias; }  // [out]

  // Padding of an input that is a multiple of the stride, and of any input.
  Padding padding() const;
  Padding PaddingOf(int64_t num_inputs) const;

 private:
  torch::Tensor ConvolveRows(const torch::Tensor& rows) const;
  torch::Tensor ConvolveRowsToOne(const torch::Tensor& rows) const;

  PaddedConvOptions options_;
  ConvWeights conv_{nullptr};  // by rows: in memory as [kernel, in, out]
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_PADDED_CONV_H_
