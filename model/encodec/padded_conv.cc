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
        stride_(conv.options().stride),
        padding_(conv.padding()) {
    const int64_t most_right = padding_.right + stride_ - 1;
    const bool reflects = mode_ == PadMode::kReflect;
    held_back_ = reflects ? std::max(padding_.left, most_right) : 0;
    context_length_ = std::max(padding_.total(), reflects && most_right > 0 ? most_right + 1 : 0);
  }

  torch::Tensor Push(torch::Tensor x, bool last) override {
    num_inputs_ += x.size(2);
    if (context_.defined()) x = JoinInTime(context_, x);
    if (!started_) {
      if (x.size(2) <= held_back_) return last ? Finish(x) : Hold(std::move(x));
      x = PadSignal(x, {.left = padding_.left}, mode_);
      started_ = true;
    }
    if (last) return End(x);
    const int64_t num_outputs = (x.size(2) - context_length_) / stride_;
    if (num_outputs <= 0) return Hold(std::move(x));
    const int64_t used = num_outputs * stride_;
    const torch::Tensor outputs = conv_.Convolve(x.narrow(2, 0, used + padding_.total()));
    context_ = used < x.size(2) ? x.narrow(2, used, x.size(2) - used).clone() : torch::Tensor();
    return outputs;
  }

  int64_t InputsNeeded(int64_t num_outputs) const override {
    return std::max(num_outputs * stride_ + context_length_ - padding_.left, held_back_ + 1);
  }

 private:
  int64_t RightPadding() const { return conv_.PaddingOf(num_inputs_).right; }

  torch::Tensor End(const torch::Tensor& x) {
    const torch::Tensor padded = PadSignal(x, {.right = RightPadding()}, mode_);
    return padded.size(2) < padding_.total() + stride_ ? Hold(padded) : conv_.Convolve(padded);
  }

  // The whole signal is shorter than its padding.
  torch::Tensor Finish(const torch::Tensor& x) {
    if (x.size(2) == 0) return Hold(x);
    return conv_.Convolve(PadSignal(x, {padding_.left, RightPadding()}, mode_));
  }

  torch::Tensor Hold(torch::Tensor x) {
    torch::Tensor none =
        torch::empty({x.size(0), conv_.options().out_channels, 0}, conv_.bias().options());
    context_ = std::move(x);
    return none;
  }

  const PaddedConv& conv_;
  const PadMode mode_;
  const int64_t stride_;
  const Padding padding_;
  int64_t held_back_ = 0;       // inputs that do not yet tell what the padding is
  int64_t context_length_ = 0;  // inputs to keep: for the next output, and what the end reflects
  int64_t num_inputs_ = 0;      // so far
  bool started_ = false;        // the left padding is in context_
  torch::Tensor context_;       // [1, in, < context_length_ + stride_]: inputs still needed
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

Padding PaddedConv::PaddingOf(int64_t num_inputs) const {
  Padding padding = this->padding();
  const int64_t beyond = num_inputs % options_.stride;
  if (beyond > 0) padding.right += options_.stride - beyond;
  return padding;
}

void PaddedConv::ComputeIn(torch::Dtype dtype) {
  TORCH_CHECK(options_.stride == 1, "a convolution with a stride does not go by rows");
  conv_->LayOutForRows(dtype, {2, 1, 0});
}

torch::Tensor PaddedConv::ConvolveRows(const torch::Tensor& rows) const {
  const int64_t n = rows.size(0) - (options_.kernel_size - 1) * options_.dilation;
  const torch::Tensor taps = conv_->weight.permute({2, 1, 0});  // [kernel, in, out]
  torch::Tensor y = torch::addmm(conv_->bias, rows.narrow(0, 0, n), taps[0]);
  for (int64_t k = 1; k < options_.kernel_size; ++k) {
    y.addmm_(rows.narrow(0, k * options_.dilation, n), taps[k]);
  }
  return y;
}

// With one channel to make, a product for each tap would read the rows again for each.
torch::Tensor PaddedConv::ConvolveRowsToOne(const torch::Tensor& rows) const {
  const int64_t n = rows.size(0) - (options_.kernel_size - 1) * options_.dilation;
  const torch::Tensor products = rows.mm(conv_->weight[0]);  // [n + reach, kernel]
  torch::Tensor y = conv_->bias.expand({n}).clone();
  for (int64_t k = 0; k < options_.kernel_size; ++k) {
    y.add_(products.select(1, k).narrow(0, k * options_.dilation, n));
  }
  return y.unsqueeze(1);
}

torch::Tensor PaddedConv::Convolve(const torch::Tensor& x, int64_t zeros) const {
  const torch::Tensor input = conv_->Input(x);
  if (conv_->by_rows() && zeros == 0 && x.size(0) == 1) {
    const torch::Tensor rows = Rows(input);
    return FromRows(options_.out_channels == 1 ? ConvolveRowsToOne(rows) : ConvolveRows(rows));
  }
  return torch::conv1d(input, conv_->weight, conv_->bias, options_.stride, zeros,
                       options_.dilation);
}

torch::Tensor PaddedConv::forward(torch::Tensor x) {
  const Padding padding = PaddingOf(x.size(2));
  const bool symmetric = padding.left == padding.right && options_.stride == 1;
  if (options_.pad_mode == PadMode::kConstant && symmetric) {
    return Convolve(x, padding.left);
  }
  return Convolve(PadSignal(x, padding, options_.pad_mode));
}

std::unique_ptr<LayerStream> PaddedConv::NewStream() const {
  return std::make_unique<PaddedConvStream>(*this);
}

}  // namespace magnet
