#include "train/stft_discriminator.h"

namespace magnet {
namespace {

namespace nn = torch::nn;

constexpr double kLeak = 0.2;

nn::Conv2d MakeConv(int64_t in, int64_t out, torch::ExpandingArray<2> kernel,
                    torch::ExpandingArray<2> stride, torch::ExpandingArray<2> dilation) {
  const int64_t pad_time = dilation->at(0) * (kernel->at(0) - 1) / 2;
  const int64_t pad_bins = (kernel->at(1) - 1) / 2;
  return nn::Conv2d(nn::Conv2dOptions(in, out, kernel)
                        .stride(stride)
                        .dilation(dilation)
                        .padding({pad_time, pad_bins}));
}

// Two channels in; time dilated 1, 2, 4 while bins are halved; one channel out.
nn::ModuleList MakeCritic(int64_t width) {
  nn::ModuleList layers;
  layers->push_back(MakeConv(2, width, {3, 9}, {1, 1}, {1, 1}));
  for (const int64_t dilation : {1, 2, 4}) {
    layers->push_back(MakeConv(width, width, {3, 9}, {1, 2}, {dilation, 1}));
  }
  layers->push_back(MakeConv(width, width, {3, 3}, {1, 1}, {1, 1}));
  layers->push_back(MakeConv(width, 1, {3, 3}, {1, 1}, {1, 1}));
  return layers;
}

}  // namespace

StftDiscriminatorImpl::StftDiscriminatorImpl(const std::vector<int>& windows, int num_filters)
    : windows_(windows) {
  for (size_t i = 0; i < windows_.size(); ++i) critics_->push_back(MakeCritic(num_filters));
  register_module("critics", critics_);
}

torch::Tensor StftDiscriminatorImpl::Spectrum(const torch::Tensor& wave, int window) const {
  const torch::Tensor spectrum = torch::stft(
      wave, window, /*hop_length=*/window / 4, /*win_length=*/window,
      torch::hann_window(window, wave.options()), /*center=*/true, /*pad_mode=*/"reflect",
      /*normalized=*/true, /*onesided=*/true, /*return_complex=*/true);
  return torch::view_as_real(spectrum).permute({0, 3, 2, 1});  // [B, 2, frames, bins]
}

DiscriminatorOutput StftDiscriminatorImpl::forward(const torch::Tensor& wave) {
  DiscriminatorOutput output;
  for (size_t i = 0; i < windows_.size(); ++i) {
    torch::Tensor x = Spectrum(wave, windows_[i]);
    const auto& layers = *critics_[i]->as<nn::ModuleList>();
    for (size_t layer = 0; layer + 1 < layers.size(); ++layer) {
      x = torch::leaky_relu(layers[layer]->as<nn::Conv2d>()->forward(x), kLeak);
      output.features.push_back(x);
    }
    output.logits.push_back(layers[layers.size() - 1]->as<nn::Conv2d>()->forward(x));
  }
  return output;
}

torch::Tensor DiscriminatorLoss(const DiscriminatorOutput& real, const DiscriminatorOutput& fake) {
  torch::Tensor sum = torch::zeros({}, real.logits[0].options());
  for (size_t i = 0; i < real.logits.size(); ++i) {
    sum = sum + torch::relu(1 - real.logits[i]).mean() + torch::relu(1 + fake.logits[i]).mean();
  }
  return sum / static_cast<double>(real.logits.size());
}

torch::Tensor AdversarialLoss(const DiscriminatorOutput& real, const DiscriminatorOutput& fake) {
  torch::Tensor fooling = torch::zeros({}, fake.logits[0].options());
  for (const torch::Tensor& logits : fake.logits) {
    fooling = fooling + torch::relu(1 - logits).mean();
  }
  torch::Tensor matching = torch::zeros_like(fooling);
  for (size_t i = 0; i < real.features.size(); ++i) {
    const torch::Tensor target = real.features[i].detach();
    matching = matching + (fake.features[i] - target).abs().mean() / target.abs().mean();
  }
  return fooling / static_cast<double>(fake.logits.size()) +
         matching / static_cast<double>(real.features.size());
}

}  // namespace magnet
