// The text a clip is trained with.
#ifndef MAGNET_TRAIN_CAPTIONS_H_
#define MAGNET_TRAIN_CAPTIONS_H_

#include <cstdint>
#include <string>

#include "train/musicbench_row.h"

namespace magnet {

enum class CaptionChoice {
  kMain,
  kAlternative,  // main where the alternative is empty
  kEither,       // one of the two by chance
};

struct CaptionOptions {
  CaptionChoice choice = CaptionChoice::kMain;
  // How likely each control sentence (chords, beats, tempo, key) that is not
  // empty is added, in random order. 0: none; 1: all.
  double control_chance = 0;
  uint64_t seed = 0;
};

// The text that a row is trained with. `draw` numbers the times that the row is
// used (its epoch): the same seed, row and draw give the same text.
std::string CaptionOf(const MusicBenchRow& row, const CaptionOptions& options, uint64_t draw);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CAPTIONS_H_
