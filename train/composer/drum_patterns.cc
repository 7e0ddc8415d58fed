#include "train/composer/drum_patterns.h"

namespace magnet {

const DrumPattern& PopBeat() {
  static const auto* beat = new DrumPattern{
      "pop beat", {{kKick, "X.......x.x....."}, {kSnare, kBackbeat}, {kHat, kEighths}}};
  return *beat;
}
const DrumPattern& RockBeat() {
  static const auto* beat = new DrumPattern{
      "rock beat", {{kKick, "X.......X......."}, {kSnare, kBackbeat}, {kHat, kEighths}}};
  return *beat;
}
const DrumPattern& FourOnTheFloor() {
  static const auto* beat = new DrumPattern{
      "four-on-the-floor beat",
      {{kKick, "X...X...X...X..."}, {kClap, kBackbeat}, {kOpenHat, "..o...o...o...o."}}};
  return *beat;
}
const DrumPattern& Shaker() {
  static const auto* beat = new DrumPattern{
      "shaker groove", {{kShaker, "X.o.x.o.X.o.x.o."}, {kKick, "x.......x......."}}};
  return *beat;
}
const DrumPattern& WaltzBeat() {
  static const auto* beat = new DrumPattern{
      "waltz beat", {{kKick, "X..........."}, {kSnare, "....o...o..."}, {kHat, "x...x...x..."}}};
  return *beat;
}
const DrumPattern& SixEightBeat() {
  static const auto* beat =
      new DrumPattern{"shuffling 6/8 beat",
                      {{kKick, "X..........."}, {kSnare, "......X....."}, {kHat, "x.o.o.x.o.o."}}};
  return *beat;
}

}  // namespace magnet
