#include "model/encodec/cropped_transposed_conv.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/encodec/nested_module.h"

namespace magnet {
namespace {

class CroppedTransposedConvStream : public LayerStream {
 public:
  explicit CroppedTransposedConvStream(const CroppedTransposedConv& conv)
      : conv_(conv), crop_(conv.crop()), to_crop_(crop_.left) {}

  torch::Tensor Push(torch::Tensor x, bool last) override {
    torch::Tensor y = x.size(2) > 0 ? Overlap(x, last) : Rest(x, last);
    const int64_t cropped = std::min(to_crop_, y.size(2));
    to_crop_ -= cropped;
    return y.narrow(/*dim=*/2, cropped, y.size(2) - cropped);
  }

  int64_t InputsNeeded(int64_t num_outputs) const override {
    const int64_t stride = conv_.options().stride;
    return (num_outputs + crop_.left + stride - 1) / stride;
  }

 private:
  // Outputs under the new inputs; those that the next input adds to stay in
  // tail_.
  torch::Tensor Overlap(const torch::Tensor& x, bool last) {
    torch::Tensor y = conv_.Convolve(x);
    if (crop_.total() == 0) return y;
    if (tail_.defined()) y.narrow(/*dim=*/2, /*start=*/0, crop_.total()).add_(tail_);
    if (last) return y.narrow(/*dim=*/2, /*start=*/0, y.size(2) - crop_.right);
    const int64_t num_final = y.size(2) - crop_.total();
    tail_ = y.narrow(/*dim=*/2, num_final, crop_.total()) - conv_.bias().unsqueeze(1);
    return y.narrow(/*dim=*/2, /*start=*/0, num_final);
  }

  torch::Tensor Rest(const torch::Tensor& x, bool last) {
    if (!last || !tail_.defined()) {
      return torch::empty({x.size(0), conv_.options().out_channels, 0}, conv_.bias().options());
    }
    return (tail_ + conv_.bias().unsqueeze(1))
        .narrow(/*dim=*/2, /*start=*/0, crop_.total() - crop_.right);
  }

  const CroppedTransposedConv& conv_;
  const Padding crop_;
  int64_t to_crop_;     // of the stream's beginning, still to be dropped
  torch::Tensor tail_;  // [1, out, kernel - stride]: unfinished outputs, without the bias
};

}  // namespace

CroppedTransposedConv::CroppedTransposedConv(const CroppedTransposedConvOptions& options)
    : options_(options) {
  conv_ =
      ConvWeights(at::IntArrayRef{options.in_channels, options.out_channels, options.kernel_size},
                  options.out_channels);
  register_module("convtr", NestedModule("convtr", conv_));
}

Padding CroppedTransposedConv::crop() const {
  const int64_t total = options_.kernel_size - options_.stride;
  if (!options_.causal) return SplitPadding(total, /*causal=*/false);
  const int64_t right =
      static_cast<int64_t>(std::ceil(static_cast<double>(total) * options_.trim_right_ratio));
  return {.left = total - right, .right = right};
}

void CroppedTransposedConv::ComputeIn(torch::Dtype dtype) {
  TORCH_CHECK(options_.kernel_size == 2 * options_.stride,
              "a transposed convolution goes by rows where its kernel is two strides");
  conv_->LayOutForRows(dtype, {0, 2, 1});
}

// An input makes two strides of outputs, and neighbours share one: the first halves of all
// inputs' outputs, then the second ones, a stride later.
torch::Tensor CroppedTransposedConv::ConvolveRows(const torch::Tensor& rows) const {
  const int64_t n = rows.size(0), width = options_.stride * options_.out_channels;
  const torch::Tensor halves =  // [in, 2, stride * out]
      conv_->weight.permute({0, 2, 1}).reshape({options_.in_channels, 2, width});
  const torch::Tensor bias = conv_->bias.repeat({options_.stride});
  torch::Tensor y = torch::empty({n + 1, width}, rows.options());
  torch::Tensor first = y.narrow(0, 0, n);
  torch::addmm_out(first, bias, rows, halves.select(1, 0));
  y[n].copy_(bias);
  y.narrow(0, 1, n).addmm_(rows, halves.select(1, 1));
  return y.view({(n + 1) * options_.stride, options_.out_channels});
}

torch::Tensor CroppedTransposedConv::Convolve(const torch::Tensor& x) const {
  const torch::Tensor input = conv_->Input(x);
  if (conv_->by_rows() && x.size(0) == 1) return FromRows(ConvolveRows(Rows(input)));
  return torch::conv_transpose1d(input, conv_->weight, conv_->bias, options_.stride);
}

torch::Tensor CroppedTransposedConv::forward(torch::Tensor x) {
  const Padding crop = this->crop();
  // The library crops both ends alike, and can add to the right what it cropped
  // there too much.
  const int64_t both = crop.left;
  const int64_t give_back = std::max<int64_t>(crop.left - crop.right, 0);
  if (give_back < options_.stride) {
    const torch::Tensor y = torch::conv_transpose1d(conv_->Input(x), conv_->weight, conv_->bias,
                                                    options_.stride, both, give_back);
    return y.narrow(/*dim=*/2, /*start=*/0, x.size(2) * options_.stride);
  }
  return Convolve(x).narrow(/*dim=*/2, crop.left, x.size(2) * options_.stride);
}

std::unique_ptr<LayerStream> CroppedTransposedConv::NewStream() const {
  return std::make_unique<CroppedTransposedConvStream>(*this);
}

}  // namespace magnet
