// From one track for each part to one sum.
#ifndef MAGNET_TRAIN_COMPOSER_MIX_H_
#define MAGNET_TRAIN_COMPOSER_MIX_H_

#include <array>
#include <vector>

#include "train/composer/reverb.h"
#include "train/composer/score.h"
#include "train/random.h"

namespace magnet {

// How loud each part is against the lead, and the room.
struct MixSettings {
  std::array<double, kNumParts> loudness_lu = {};  // by Part, relative to the lead
  std::array<double, kNumParts> reverb_send = {};  // 0 to 1, by Part
  ReverbSettings reverb;
};

// A mix with the lead well in front, each time a little different.
MixSettings PickMix(Random& random);

// Sums the tracks (one for each Part, equally long) after bringing each to its
// loudness; silent ones are left out. Adds the room.
std::vector<float> Mix(std::array<std::vector<float>, kNumParts> tracks,
                       const MixSettings& settings, int sample_rate_hz);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_MIX_H_
