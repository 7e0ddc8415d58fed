// A room.
#ifndef MAGNET_TRAIN_COMPOSER_REVERB_H_
#define MAGNET_TRAIN_COMPOSER_REVERB_H_

#include <vector>

namespace magnet {

struct ReverbSettings {
  double decay_s = 1.0;  // time to fall by 60 dB
  double damping = 0.4;  // 0 bright to 1 dull
};

// The reverberation of a room for mono audio (a feedback delay network of eight
// lines). Returns the wet signal alone, as long as the input.
std::vector<float> Reverberate(const std::vector<float>& dry, int sample_rate_hz,
                               const ReverbSettings& settings);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_REVERB_H_
