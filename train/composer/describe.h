// Captions that say what is true of a clip.
#ifndef MAGNET_TRAIN_COMPOSER_DESCRIBE_H_
#define MAGNET_TRAIN_COMPOSER_DESCRIBE_H_

#include <string>

#include "train/composer/clip.h"
#include "train/random.h"

namespace magnet {

// One sentence each, in the manner of MusicBench's control sentences.
struct ControlSentences {
  std::string chords, beats, bpm, key;
};

// A caption of 20 to 1,200 characters that names a random part of what is true
// of the clip, and nothing else.
std::string Describe(const ClipFacts& facts, Random& random);

ControlSentences DescribeControls(const ClipFacts& facts, Random& random);

// The Italian tempo word of a tempo: Largo, Adagio, Andante, Moderato, Allegro,
// Vivace or Presto, by the edges 60, 70, 90, 110, 140, 160 bpm.
std::string TempoWord(double bpm);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_DESCRIBE_H_
