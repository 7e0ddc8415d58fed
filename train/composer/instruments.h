// The instruments that lead and those that accompany.
#ifndef MAGNET_TRAIN_COMPOSER_INSTRUMENTS_H_
#define MAGNET_TRAIN_COMPOSER_INSTRUMENTS_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace magnet {

// An instrument that can carry the melody.
struct LeadInstrument {
  absl::string_view name;                // the label in the truth file
  std::vector<absl::string_view> names;  // ways to say it, singular, without an article
  int program;                           // General MIDI program, 0 to 127
  int low, high;                         // range of its melodies, MIDI pitches
  bool rings;                            // plucked or struck: notes decay by themselves
};

// At least 20, chosen to differ clearly in timbre in FluidR3.
const std::vector<LeadInstrument>& LeadInstruments();

// What an accompanying General MIDI program is called, or "" for one unknown here.
absl::string_view ProgramName(int program);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_INSTRUMENTS_H_
