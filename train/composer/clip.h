// Ten seconds of a song and what is true of them.
#ifndef MAGNET_TRAIN_COMPOSER_CLIP_H_
#define MAGNET_TRAIN_COMPOSER_CLIP_H_

#include <string>
#include <vector>

#include "train/composer/song.h"

namespace magnet {

inline constexpr double kClipSeconds = 10;

// What is true of one clip; the source of its captions and of its truth record.
struct ClipFacts {
  Key key;
  Meter meter = Meter::kFourFour;
  double bpm = 120;
  int named_bpm = 120;  // what captions call it (song.h)
  const Style* style = nullptr;
  const LeadInstrument* lead = nullptr;
  const DrumPattern* drums = nullptr;  // null: none in this clip
  int comping_program = 0;
  int pad_program = -1;  // -1: none in this clip
  int bass_program = 33;
  std::vector<std::string> chords;    // without immediate repetitions
  std::vector<double> chord_times_s;  // from the start of the clip
  std::vector<double> beat_times_s;   // from the start of the clip
  std::vector<int> beat_positions;    // in the bar, from 1
};

struct Clip {
  double start_s = 0;  // in the song
  ClipFacts facts;
};

// One clip of each section: most from its first beat, some from a later bar on
// where the next section is played by the same instruments.
std::vector<Clip> CutClips(const Song& song, const Random& random);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_CLIP_H_
