#include "train/mel_loss.h"

#include <cmath>

namespace magnet {
namespace {

constexpr double kFloor = 1e-5;
constexpr double kBreakHz = 1000;  // linear below, logarithmic above
constexpr double kLinearHz = 200.0 / 3;
const double kLogStep = std::log(6.4) / 27;

double MelToHz(double mel) {
  const double break_mel = kBreakHz / kLinearHz;
  return mel < break_mel ? mel * kLinearHz : kBreakHz * std::exp(kLogStep * (mel - break_mel));
}

double HzToMel(double hz) {
  return hz < kBreakHz ? hz / kLinearHz : kBreakHz / kLinearHz + std::log(hz / kBreakHz) / kLogStep;
}

}  // namespace

torch::Tensor MelBands(int sample_rate_hz, int window_length, int num_bands) {
  const double highest = HzToMel(sample_rate_hz / 2.0);
  const auto edge = [&](int i) { return MelToHz(highest * i / (num_bands + 1)); };
  const torch::Tensor hz =
      torch::arange(window_length / 2 + 1, torch::kDouble) * sample_rate_hz / window_length;
  std::vector<torch::Tensor> bands;
  for (int band = 0; band < num_bands; ++band) {
    const double left = edge(band), center = edge(band + 1), right = edge(band + 2);
    const torch::Tensor rising = (hz - left) / (center - left);
    const torch::Tensor falling = (right - hz) / (right - center);
    bands.push_back(torch::minimum(rising, falling).clamp_min(0) * 2 / (right - left));
  }
  return torch::stack(bands).to(torch::kFloat);
}

MelLoss::MelLoss(int sample_rate_hz, const std::vector<int>& windows, int num_bands,
                 torch::Device device) {
  for (const int length : windows) {
    resolutions_.push_back({length, torch::hann_window(length).to(device),
                            MelBands(sample_rate_hz, length, num_bands).to(device)});
  }
}

torch::Tensor MelLoss::LogMel(const torch::Tensor& wave, const Resolution& resolution) const {
  const torch::Tensor spectrum = torch::stft(
      wave, resolution.window_length, /*hop_length=*/resolution.window_length / 4,
      /*win_length=*/resolution.window_length, resolution.window, /*center=*/true,
      /*pad_mode=*/"reflect", /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true);
  // The root's slope is infinite at 0.
  const torch::Tensor magnitude =
      torch::view_as_real(spectrum).pow(2).sum(-1).clamp_min(1e-12).sqrt();
  return torch::matmul(resolution.bands, magnitude).clamp_min(kFloor).log10();
}

torch::Tensor MelLoss::operator()(const torch::Tensor& wave, const torch::Tensor& target) const {
  torch::Tensor sum;
  for (const Resolution& resolution : resolutions_) {
    const torch::Tensor distance =
        (LogMel(wave, resolution) - LogMel(target, resolution)).abs().mean();
    sum = sum.defined() ? sum + distance : distance;
  }
  return sum / static_cast<double>(resolutions_.size());
}

torch::Tensor SiSdr(const torch::Tensor& wave, const torch::Tensor& target) {
  constexpr double kTiny = 1e-9;
  const torch::Tensor scale =
      (wave * target).sum(1, /*keepdim=*/true) / (target.pow(2).sum(1, /*keepdim=*/true) + kTiny);
  const torch::Tensor signal = scale * target;
  const torch::Tensor ratio =
      (signal.pow(2).sum(1) + kTiny) / ((wave - signal).pow(2).sum(1) + kTiny);
  return 10 * ratio.log10();
}

}  // namespace magnet
