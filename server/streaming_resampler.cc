#include "server/streaming_resampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace magnet {
namespace {

constexpr double kZeroCrossings = 32;
constexpr double kKaiserBeta = 9;
// The pass band's share of the lower Nyquist frequency.
constexpr double kRollOff = 0.96;

double Sinc(double x) {
  return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double Kaiser(double x) {  // x in [-1, 1]
  return std::cyl_bessel_i(0, kKaiserBeta * std::sqrt(std::max(0.0, 1 - x * x))) /
         std::cyl_bessel_i(0, kKaiserBeta);
}

}  // namespace

StreamingResampler::StreamingResampler(int from_rate, int to_rate) {
  const int divisor = std::gcd(from_rate, to_rate);
  from_ = from_rate / divisor;
  to_ = to_rate / divisor;
  const double cutoff =
      kRollOff * std::min(1.0, static_cast<double>(to_) / static_cast<double>(from_));
  half_width_ = static_cast<int64_t>(std::ceil(kZeroCrossings / cutoff));
  taps_.resize(static_cast<size_t>(to_));
  for (int64_t phase = 0; phase < to_; ++phase) {
    auto& taps = taps_[static_cast<size_t>(phase)];
    const double fraction = static_cast<double>(phase) / static_cast<double>(to_);
    for (int64_t i = 0; i < 2 * half_width_; ++i) {
      const double distance = static_cast<double>(i - half_width_ + 1) - fraction;
      taps.push_back(static_cast<float>(cutoff * Sinc(cutoff * distance) *
                                        Kaiser(distance / static_cast<double>(half_width_))));
    }
    const float sum = std::accumulate(taps.begin(), taps.end(), 0.0f);
    for (float& tap : taps) tap /= sum;
  }
}

std::vector<float> StreamingResampler::Process(absl::Span<const float> samples) {
  if (from_ == to_) return {samples.begin(), samples.end()};
  history_.insert(history_.end(), samples.begin(), samples.end());
  num_inputs_ += static_cast<int64_t>(samples.size());
  std::vector<float> output;
  while (num_outputs_ * from_ / to_ + half_width_ < num_inputs_) {
    output.push_back(Interpolate(num_outputs_++));
  }
  const int64_t needed = std::max<int64_t>(0, num_outputs_ * from_ / to_ - half_width_);
  const int64_t unneeded = std::min(needed, num_inputs_) - first_input_;
  if (unneeded > 0) {
    history_.erase(history_.begin(), history_.begin() + unneeded);
    first_input_ += unneeded;
  }
  return output;
}

std::vector<float> StreamingResampler::Finish() {
  std::vector<float> output;
  if (from_ == to_) return output;
  const int64_t total = (num_inputs_ * to_ + from_ - 1) / from_;
  while (num_outputs_ < total) output.push_back(Interpolate(num_outputs_++));
  return output;
}

float StreamingResampler::Interpolate(int64_t output_index) const {
  const int64_t center = output_index * from_ / to_;
  const auto& taps = taps_[static_cast<size_t>(output_index * from_ % to_)];
  const int64_t begin = center - half_width_ + 1;
  const int64_t first = std::max(begin, first_input_);
  const int64_t last = std::min(begin + 2 * half_width_, num_inputs_);
  float sum = 0;
  for (int64_t i = first; i < last; ++i) {
    sum += history_[static_cast<size_t>(i - first_input_)] * taps[static_cast<size_t>(i - begin)];
  }
  return sum;
}

}  // namespace magnet
