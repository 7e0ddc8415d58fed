#include "model/audio/resampler.h"

#include <samplerate.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

// libsamplerate's own range of ratios, 1/256 to 256.
constexpr double kMaxRatio = 256;
constexpr int64_t kSamplesPerCall = 1 << 16;

struct StateDeleter {
  void operator()(SRC_STATE* state) const { src_delete(state); }
};

// Returns `length` samples, the silence after the end included.
absl::StatusOr<std::vector<float>> ResampleOnce(absl::Span<const float> samples, double ratio,
                                                int64_t length) {
  int error = 0;
  const std::unique_ptr<SRC_STATE, StateDeleter> state(
      src_new(SRC_SINC_BEST_QUALITY, /*channels=*/1, &error));
  if (state == nullptr) return absl::InternalError(src_strerror(error));
  std::vector<float> result(static_cast<size_t>(length));
  const std::vector<float> silence(static_cast<size_t>(kSamplesPerCall));
  int64_t produced = 0;
  while (produced < length) {
    const absl::Span<const float> input = samples.empty() ? silence : samples;
    SRC_DATA data = {};
    data.data_in = input.data();
    data.input_frames = std::min<int64_t>(static_cast<int64_t>(input.size()), kSamplesPerCall);
    data.data_out = result.data() + produced;
    data.output_frames = std::min(length - produced, kSamplesPerCall);
    data.src_ratio = ratio;
    if ((error = src_process(state.get(), &data)) != 0) {
      return absl::InternalError(src_strerror(error));
    }
    produced += data.output_frames_gen;
    if (!samples.empty()) samples.remove_prefix(static_cast<size_t>(data.input_frames_used));
  }
  return result;
}

}  // namespace

int64_t ResampledLength(int64_t num_samples, int from_hz, int to_hz) {
  if (num_samples == 0) return 0;
  const int64_t whole = num_samples / from_hz * to_hz;
  const int64_t rest = (num_samples % from_hz * to_hz + from_hz / 2) / from_hz;
  return std::max<int64_t>(whole + rest, 1);
}

absl::StatusOr<std::vector<float>> Resample(absl::Span<const float> samples, int from_hz,
                                            int to_hz) {
  for (const int rate : {from_hz, to_hz}) {
    if (rate < kMinResampleRateHz || rate > kMaxResampleRateHz) {
      return absl::InvalidArgumentError(absl::StrCat("sample rate: expected ", kMinResampleRateHz,
                                                     " to ", kMaxResampleRateHz, " Hz, found ",
                                                     rate));
    }
  }
  if (from_hz == to_hz || samples.empty()) {
    return std::vector<float>(samples.begin(), samples.end());
  }
  const double ratio = static_cast<double>(to_hz) / from_hz;
  if (ratio > kMaxRatio || ratio < 1 / kMaxRatio) {
    const int between = static_cast<int>(std::sqrt(static_cast<double>(from_hz) * to_hz));
    absl::StatusOr<std::vector<float>> half = Resample(samples, from_hz, between);
    if (!half.ok()) return half;
    return Resample(*half, between, to_hz);
  }
  return ResampleOnce(samples, ratio,
                      ResampledLength(static_cast<int64_t>(samples.size()), from_hz, to_hz));
}

}  // namespace magnet
