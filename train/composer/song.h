// A whole song from a seed: what is decided once, its sections, its notes.
#ifndef MAGNET_TRAIN_COMPOSER_SONG_H_
#define MAGNET_TRAIN_COMPOSER_SONG_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "train/composer/harmony.h"
#include "train/composer/instruments.h"
#include "train/composer/meter.h"
#include "train/composer/score.h"
#include "train/composer/style.h"
#include "train/random.h"

namespace magnet {

// What is decided once for a song. Pointers are into the tables of
// instruments.h and style.h and live for ever.
struct SongPlan {
  Key key;
  Grid grid;
  int named_bpm = 120;  // what captions call the grid's tempo: a whole number within 3 %
  const Style* style = nullptr;
  const LeadInstrument* lead = nullptr;
  const DrumPattern* drums = nullptr;  // null: a song without drums
  int comping_program = 0;
  int pad_program = -1;  // -1: none
  int bass_program = 33;
  absl::string_view comping_figure;  // see style.h
  absl::string_view bass_figure;
  int steps_per_chord = 16;  // a bar, or half a bar at slow tempos
};

enum class SectionKind { kVerse, kChorus, kBridge };

// A stretch of a song that begins on the tonic and lasts at least one clip.
struct Section {
  SectionKind kind = SectionKind::kVerse;
  double start_s = 0;
  int num_bars = 8;
  std::vector<Chord> chords;  // one for each steps_per_chord
  bool with_drums = false;
  bool with_pad = false;
  double intensity = 1;  // 0.7 to 1: how hard it is played
};

struct Song {
  SongPlan plan;
  std::vector<Section> sections;
  Score score;
};

// The shortest section, in seconds: a clip and a little more.
inline constexpr double kMinSectionSeconds = 10.1;

SongPlan PlanSong(const Random& random);

// Two to four sections in a row, chords only.
std::vector<Section> PlanSections(const SongPlan& plan, const Random& random);

// The whole song. The same `seed` and `index` give the same song for ever.
Song ComposeSong(uint64_t seed, int index);

// The chord that sounds at a step of the section.
const Chord& ChordAt(const SongPlan& plan, const Section& section, int step);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_SONG_H_
