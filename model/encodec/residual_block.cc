#include "model/encodec/residual_block.h"

#include <utility>

namespace magnet {
namespace {

class ResidualBlockStream : public LayerStream {
 public:
  ResidualBlockStream(std::unique_ptr<LayerStream> narrow, const PaddedConv& widen,
                      const PaddedConv* shortcut)
      : narrow_(std::move(narrow)), widen_(widen), shortcut_(shortcut) {}

  torch::Tensor Push(torch::Tensor x, bool last) override {
    torch::Tensor y = narrow_->Push(torch::elu(x), last);
    if (waiting_.defined()) x = JoinInTime(waiting_, x);
    const int64_t n = y.size(2);
    const int64_t left_over = x.size(2) - n;
    waiting_ = left_over > 0 ? x.narrow(/*dim=*/2, n, left_over).clone() : torch::Tensor();
    const torch::Tensor skipped = x.narrow(/*dim=*/2, /*start=*/0, n);
    if (n == 0) return skipped;
    y = widen_.Convolve(torch::elu_(y));
    return y.add_(shortcut_ != nullptr ? shortcut_->Convolve(skipped) : skipped);
  }

  int64_t InputsNeeded(int64_t num_outputs) const override {
    return narrow_->InputsNeeded(num_outputs);
  }

 private:
  std::unique_ptr<LayerStream> narrow_;
  const PaddedConv& widen_;
  const PaddedConv* shortcut_;
  torch::Tensor waiting_;  // [1, C, look-ahead of narrow_]: inputs of the skip path
};

PaddedConvOptions ConvOptions(const CodecConfig& config, int64_t in_channels,
                              int64_t out_channels) {
  return {.in_channels = in_channels,
          .out_channels = out_channels,
          .causal = config.causal,
          .pad_mode = config.pad_mode};
}

}  // namespace

ResidualBlock::ResidualBlock(const CodecConfig& config, int64_t channels, int64_t dilation) {
  const int64_t hidden = channels / config.compress;
  PaddedConvOptions narrow = ConvOptions(config, channels, hidden);
  narrow.kernel_size = config.residual_kernel_size;
  narrow.dilation = dilation;
  narrow_ = std::make_shared<PaddedConv>(narrow);
  widen_ = std::make_shared<PaddedConv>(ConvOptions(config, hidden, channels));
  auto block = register_module("block", std::make_shared<torch::nn::Module>());
  block->register_module("1", narrow_);
  block->register_module("3", widen_);
  if (config.conv_shortcut) {
    shortcut_ = register_module(
        "shortcut", std::make_shared<PaddedConv>(ConvOptions(config, channels, channels)));
  }
}

torch::Tensor ResidualBlock::forward(torch::Tensor x) {
  torch::Tensor y = narrow_->forward(torch::elu(x));
  y = widen_->forward(torch::elu_(y));
  return y.add_(shortcut_ != nullptr ? shortcut_->forward(x) : x);
}

void ResidualBlock::ComputeIn(torch::Dtype dtype) {
  for (const auto& conv : {narrow_, widen_, shortcut_}) {
    if (conv != nullptr) conv->ComputeIn(dtype);
  }
}

std::unique_ptr<LayerStream> ResidualBlock::NewStream() const {
  return std::make_unique<ResidualBlockStream>(narrow_->NewStream(), *widen_, shortcut_.get());
}

}  // namespace magnet
