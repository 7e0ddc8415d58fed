// The lead's line.
#ifndef MAGNET_TRAIN_COMPOSER_MELODY_H_
#define MAGNET_TRAIN_COMPOSER_MELODY_H_

#include <array>
#include <vector>

#include "train/composer/song.h"
#include "train/random.h"

namespace magnet {

// A bar's rhythm and shape, which returns on other chords.
struct Motif {
  std::vector<int> durations;  // in steps; their sum is a bar
  std::vector<int> moves;      // for each note, scale steps from the note before
};

// What makes a song's melody one melody: bar shapes that sections share.
struct MelodyMotifs {
  std::array<Motif, 3> bars;
};

MelodyMotifs ComposeMotifs(const SongPlan& plan, Random& random);

// Adds the lead's notes of one section. Its first note is a tone of the tonic
// chord; notes at the start and, but in 3/4, the middle of a bar and where a chord begins are
// tones of that chord; all are of ScaleOver; each period ends on a long tonic. Stays
// within the lead's range.
void ComposeMelody(const SongPlan& plan, const Section& section, const MelodyMotifs& motifs,
                   Random& random, Score& score);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_MELODY_H_
