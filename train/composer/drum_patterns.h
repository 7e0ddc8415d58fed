// Drum patterns that several styles share.
#ifndef MAGNET_TRAIN_COMPOSER_DRUM_PATTERNS_H_
#define MAGNET_TRAIN_COMPOSER_DRUM_PATTERNS_H_

#include "absl/strings/string_view.h"
#include "train/composer/style.h"

namespace magnet {

// GM percussion keys.
inline constexpr int kKick = 36, kRim = 37, kSnare = 38, kClap = 39, kHat = 42, kLowTom = 45;
inline constexpr int kOpenHat = 46, kRide = 51, kTambourine = 54, kCowbell = 56, kHighConga = 63;
inline constexpr int kLowConga = 64, kShaker = 70, kBrush = 40, kPedalHat = 44;

inline constexpr absl::string_view kEighths = "x.o.x.o.x.o.x.o.";
inline constexpr absl::string_view kQuarters = "x...x...x...x...";
inline constexpr absl::string_view kBackbeat = "....X.......X...";

const DrumPattern& PopBeat();
const DrumPattern& RockBeat();
const DrumPattern& FourOnTheFloor();
const DrumPattern& Shaker();
const DrumPattern& WaltzBeat();
const DrumPattern& SixEightBeat();

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_DRUM_PATTERNS_H_
