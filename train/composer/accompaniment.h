// Comping, pad, bass and drums.
#ifndef MAGNET_TRAIN_COMPOSER_ACCOMPANIMENT_H_
#define MAGNET_TRAIN_COMPOSER_ACCOMPANIMENT_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "train/composer/song.h"
#include "train/random.h"

namespace magnet {

// A stroke of a figure (see style.h).
struct Stroke {
  int step = 0;      // in the bar
  int duration = 1;  // in steps
  char symbol = 'C';
};

std::vector<Stroke> ParseFigure(absl::string_view figure);

// Close position: one pitch for each tone of the chord, all within an octave around `centre`, from
// below.
std::vector<int> Voicing(const Chord& chord, int centre);

// Each adds one part's notes of one section to the score.
void PlayComping(const SongPlan& plan, const Section& section, Random& random, Score& score);
void PlayPad(const SongPlan& plan, const Section& section, Score& score);
void PlayBass(const SongPlan& plan, const Section& section, Random& random, Score& score);
void PlayDrums(const SongPlan& plan, const Section& section, Random& random, Score& score);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_ACCOMPANIMENT_H_
