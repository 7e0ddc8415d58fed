#include "model/encodec/padded_conv.h"

#include <algorithm>
#include <utility>

#include "model/encodec/nested_module.h"

namespace magnet {
namespace {

namespace F = torch::nn::functional;

class PaddedConvStream : public LayerStream {
 public:
  explicit PaddedConvStream(const PaddedConv& conv)
      : conv_(conv),
        mode_(conv.options().pad_mode),
        padding_(conv.padding()),
        held_back_(mode_ == PadMode::kReflect ? std::max(padding_.left, padding_.right) : 0) {}

  torch::Tensor Push(torch::Tensor x, bool last) override {
    if (context_.defined()) x = torch::cat({context_, x}, /*dim=*/2);
    if (!started_) {
      if (x.size(2) <= held_back_) return last ? Finish(x) : Hold(std::move(x));
      x = PadSignal(x, {.left = padding_.left}, mode_);
      started_ = true;
    }
    if (last) x = PadSignal(x, {.right = padding_.right}, mode_);
    if (x.size(2) <= padding_.total()) return Hold(std::move(x));
    context_ = padding_.total() > 0
                   ? x.narrow(/*dim=*/2, x.size(2) - padding_.total(), padding_.total()).clone()
                   : torch::Tensor();
    return conv_.Convolve(x);
  }

  int64_t InputsNeeded(int64_t num_outputs) const override {
    return std::max(num_outputs + padding_.right, held_back_ + 1);
  }

 private:
  // The whole signal is shorter than its padding.
  torch::Tensor Finish(const torch::Tensor& x) {
    if (x.size(2) == 0) return Hold(x);
    return conv_.Convolve(PadSignal(x, padding_, mode_));
  }

  torch::Tensor Hold(torch::Tensor x) {
    torch::Tensor none = x.new_empty({x.size(0), conv_.options().out_channels, 0});
    context_ = std::move(x);
    return none;
  }

  const PaddedConv& conv_;
  const PadMode mode_;
  const Padding padding_;
  const int64_t held_back_;  // inputs that do not yet tell what the left padding is
  bool started_ = false;     // the left padding is in context_
  torch::Tensor context_;    // [1, in, <= max(held_back_, padding)]: inputs still needed
};

}  // namespace

Padding SplitPadding(int64_t total, bool causal) {
  const int64_t right = causal ? 0 : total / 2;
  return {.left = total - right, .right = right};
}

torch::Tensor PadSignal(const torch::Tensor& x, Padding padding, PadMode mode) {
  if (padding.total() == 0) return x;
  const auto options = F::PadFuncOptions({padding.left, padding.right});
  if (mode == PadMode::kConstant) return F::pad(x, options);
  const int64_t missing = std::max(padding.left, padding.right) + 1 - x.size(2);
  const auto reflect = F::PadFuncOptions(options).mode(torch::kReflect);
  if (missing <= 0) return F::pad(x, reflect);
  const torch::Tensor extended = F::pad(F::pad(x, F::PadFuncOptions({0, missing})), reflect);
  return extended.narrow(/*dim=*/2, /*start=*/0, extended.size(2) - missing);
}

PaddedConv::PaddedConv(const PaddedConvOptions& options) : options_(options) {
  conv_ =
      ConvWeights(at::IntArrayRef{options.out_channels, options.in_channels, options.kernel_size},
                  options.out_channels);
  register_module("conv", NestedModule("conv", conv_));
}

Padding PaddedConv::padding() const {
  const int64_t reach = (options_.kernel_size - 1) * options_.dilation + 1;
  return SplitPadding(reach - options_.stride, options_.causal);
}

torch::Tensor PaddedConv::Convolve(const torch::Tensor& x, int64_t zeros) const {
  return torch::conv1d(x, conv_->weight, conv_->bias, options_.stride, zeros, options_.dilation);
}

torch::Tensor PaddedConv::forward(torch::Tensor x) {
  Padding padding = this->padding();
  const bool symmetric = padding.left == padding.right && options_.stride == 1;
  if (options_.pad_mode == PadMode::kConstant && symmetric) {
    return Convolve(x, padding.left);
  }
  const int64_t beyond = x.size(2) % options_.stride;
  if (beyond > 0) padding.right += options_.stride - beyond;
  return Convolve(PadSignal(x, padding, options_.pad_mode));
}

std::unique_ptr<LayerStream> PaddedConv::NewStream() const {
  TORCH_CHECK(options_.stride == 1, "only convolutions of stride 1 can be streamed");
  return std::make_unique<PaddedConvStream>(*this);
}

}  // namespace magnet
