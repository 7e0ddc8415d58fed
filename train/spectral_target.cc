#include "train/spectral_target.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace magnet {
namespace {

constexpr int kLowestNote = 36;         // MIDI: 65 Hz
constexpr double kHighestShare = 0.45;  // of the sample rate
constexpr double kQuietest = 1e-3;      // amplitude of a tone; what is softer is silent

double NoteHz(int note) { return 440 * std::pow(2.0, (note - 69) / 12.0); }

int64_t WindowLength(int sample_rate_hz) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(sample_rate_hz)) / 8);
}

// Triangles of a semitone to both sides, but never narrower than the bins.
torch::Tensor NoteBands(int sample_rate_hz, int64_t window_length) {
  const double bin_hz = static_cast<double>(sample_rate_hz) / static_cast<double>(window_length);
  const torch::Tensor hz = torch::arange(window_length / 2 + 1, torch::kDouble) * bin_hz;
  std::vector<torch::Tensor> bands;
  for (int band = 0; band < SpectralTarget::NumBands(sample_rate_hz); ++band) {
    const int note = kLowestNote + band;
    const double width = std::max(NoteHz(note + 1) - NoteHz(note), 1.3 * bin_hz);
    bands.push_back((1 - (hz - NoteHz(note)).abs() / width).clamp_min(0));
  }
  return torch::stack(bands).to(torch::kFloat);
}

}  // namespace

int SpectralTarget::NumBands(int sample_rate_hz) {
  int num_bands = 0;
  while (NoteHz(kLowestNote + num_bands) < kHighestShare * sample_rate_hz) ++num_bands;
  return num_bands;
}

SpectralTarget::SpectralTarget(int sample_rate_hz, int hop_length, int num_dims,
                               torch::Device device)
    : hop_length_(hop_length),
      num_dims_(num_dims),
      window_(torch::hann_window(WindowLength(sample_rate_hz)).to(device)),
      bands_(NoteBands(sample_rate_hz, WindowLength(sample_rate_hz)).to(device)) {}

torch::Tensor SpectralTarget::Levels(const torch::Tensor& waves) const {
  const int64_t length = window_.size(0), around = std::max<int64_t>(length - hop_length_, 0);
  const torch::Tensor padded = torch::constant_pad_nd(waves, {around / 2, around - around / 2}, 0);
  const torch::Tensor spectrum =
      torch::stft(padded, length, hop_length_, length, window_, /*center=*/false,
                  /*pad_mode=*/"constant", /*normalized=*/false, /*onesided=*/true,
                  /*return_complex=*/true);
  // A tone of amplitude 1 has the magnitude 1.
  const torch::Tensor magnitude = spectrum.abs() * (2 / window_.sum());  // [B, bins, T]
  return torch::matmul(bands_, magnitude).clamp_min(kQuietest).log10().transpose(1, 2);
}

double SpectralTarget::Fit(const std::vector<torch::Tensor>& waves) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& batch : waves) parts.push_back(Levels(batch).flatten(0, 1));
  const torch::Tensor levels = torch::cat(parts).to(torch::kDouble);
  const torch::Tensor mean = levels.mean(0);
  const torch::Tensor beside = levels - mean;
  const auto [variances, directions] = torch::linalg_eigh(
      beside.t().matmul(beside) / static_cast<double>(levels.size(0)));  // rising
  const int64_t rest = bands_.size(0) - num_dims_;
  const torch::Tensor kept = variances.narrow(0, rest, num_dims_);
  directions_ =
      (directions.narrow(1, rest, num_dims_) / kept.mean().sqrt()).to(torch::kFloat).contiguous();
  mean_ = mean.to(torch::kFloat);
  return (kept.sum() / variances.sum()).item<double>();
}

torch::Tensor SpectralTarget::operator()(const torch::Tensor& waves) const {
  const torch::NoGradGuard no_grad;
  return torch::matmul(Levels(waves) - mean_, directions_).transpose(1, 2);
}

TensorMap SpectralTarget::State() const { return {{"mean", mean_}, {"directions", directions_}}; }

void SpectralTarget::Restore(const TensorMap& state) {
  mean_ = state.at("mean").to(bands_.device()).clone();
  directions_ = state.at("directions").to(bands_.device()).clone();
}

}  // namespace magnet
