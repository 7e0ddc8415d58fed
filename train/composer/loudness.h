// Loudness: measured, brought to a target, faded.
#ifndef MAGNET_TRAIN_COMPOSER_LOUDNESS_H_
#define MAGNET_TRAIN_COMPOSER_LOUDNESS_H_

#include <vector>

namespace magnet {

// Integrated loudness of mono audio in LUFS (ITU-R BS.1770-4: K-weighting,
// blocks of 400 ms, gates at -70 LUFS and 10 LU below the mean). Returns
// kSilenceLufs for silence or less than one block.
double IntegratedLoudness(const std::vector<float>& samples, int sample_rate_hz);
inline constexpr double kSilenceLufs = -70;

// Brings audio to `target_lufs` and its peaks under `ceiling` (0 to 1) with a
// look-ahead limiter. Silence stays silence. Ends within 0.5 LU of the target
// unless the peaks forbid it.
void Master(std::vector<float>& samples, int sample_rate_hz, double target_lufs, float ceiling);

// Fades the first and the last samples in place, by a raised cosine.
void FadeEnds(std::vector<float>& samples, int fade_in_samples, int fade_out_samples);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_LOUDNESS_H_
