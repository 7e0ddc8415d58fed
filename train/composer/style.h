// Styles of music: their tempos, bands and figures, as data.
#ifndef MAGNET_TRAIN_COMPOSER_STYLE_H_
#define MAGNET_TRAIN_COMPOSER_STYLE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "train/composer/meter.h"

namespace magnet {

// Figures are written like a drum machine's: one character for each sixteenth
// note of a bar (16 in 4/4; 12 in 3/4 and 6/8). '.' is silence, '-' prolongs.
//   comping: 'C' chord, 'c' soft chord, 'B' the chord's lowest note alone,
//            '1' to '4' single notes of the chord from below
//   bass:    'R' root, '3' third, '5' fifth, '8' octave, 'L' step that leads to the next root
//   drums:   'X' accent, 'x' stroke, 'o' soft stroke

struct DrumVoice {
  int key;  // GM percussion key
  absl::string_view steps;
};

struct DrumPattern {
  absl::string_view name;  // the label in the truth file, and how a caption may call it
  std::vector<DrumVoice> voices;
};

// How a style is played in one meter.
struct Figures {
  Meter meter;
  std::vector<absl::string_view> comping;
  std::vector<absl::string_view> bass;
  std::vector<DrumPattern> drums;  // empty: never with drums
};

struct Style {
  absl::string_view name;                // the label in the truth file
  std::vector<absl::string_view> names;  // ways to say it as an adjective: "a NAME tune"
  int min_bpm, max_bpm;
  double drumless_chance;
  double seventh_chance;
  bool swing;
  std::vector<int> comping_programs, pad_programs, bass_programs;
  std::vector<Figures> figures;  // one entry for each meter it knows
};

const std::vector<Style>& Styles();

// The figures of a style in this meter, or null if it has none.
const Figures* FindFigures(const Style& style, Meter meter);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_STYLE_H_
