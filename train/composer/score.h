// The notes of a song, by part.
#ifndef MAGNET_TRAIN_COMPOSER_SCORE_H_
#define MAGNET_TRAIN_COMPOSER_SCORE_H_

#include <array>
#include <string_view>
#include <vector>

namespace magnet {

// The parts of an arrangement; each is one MIDI channel and one track of the mix.
enum class Part { kLead, kComping, kPad, kBass, kDrums };
inline constexpr int kNumParts = 5;

struct Note {
  Part part = Part::kLead;
  int pitch = 60;     // MIDI number; for drums the GM percussion key
  int velocity = 90;  // 1 to 127
  double start_s = 0;
  double duration_s = 0;
};

// What the renderer plays.
struct Score {
  std::array<int, kNumParts> programs = {};  // GM program (0 to 127) of each part
  std::vector<Note> notes;                   // in any order until Finish()
  double length_s = 0;

  // Sorts the notes by start and shortens those that would run into the next
  // note of the same part and pitch.
  void Finish();
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_SCORE_H_
