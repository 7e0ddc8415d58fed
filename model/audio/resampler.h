// Changes the sample rate of sound.
#ifndef MAGNET_MODEL_AUDIO_RESAMPLER_H_
#define MAGNET_MODEL_AUDIO_RESAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace magnet {

constexpr int kMinResampleRateHz = 1000;
constexpr int kMaxResampleRateHz = 768000;

// `num_samples` at one rate are this many at the other: the nearest integer, at
// least 1 where num_samples is.
int64_t ResampledLength(int64_t num_samples, int from_hz, int to_hz);

// Band-limited interpolation (windowed sinc) without delay: sample i of the
// result is the sound at time i / to_hz. Flat within 0.1 dB up to 90 % of the
// lower Nyquist frequency; what would alias is at least 90 dB down. The sound
// is taken to be silent before its beginning and after its end. Returns
// ResampledLength samples, the input itself where the rates are equal.
// INVALID_ARGUMENT names a rate out of range.
absl::StatusOr<std::vector<float>> Resample(absl::Span<const float> samples, int from_hz,
                                            int to_hz);

}  // namespace magnet

#endif  // MAGNET_MODEL_AUDIO_RESAMPLER_H_
