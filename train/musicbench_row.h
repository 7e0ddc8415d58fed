// A line of MusicBench's files.
#ifndef MAGNET_TRAIN_MUSICBENCH_ROW_H_
#define MAGNET_TRAIN_MUSICBENCH_ROW_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace magnet {

// One line of MusicBench's JSON files: an audio clip and what is known of it.
struct MusicBenchRow {
  std::string dataset;
  std::string location;                   // path in the archive, e.g. data/abc.wav
  std::string main_caption, alt_caption;  // UTF-8, main_caption not empty
  std::string prompt_aug;                 // what augmentation did; may be empty
  // Control sentences; each may be empty.
  std::string prompt_ch, prompt_bt, prompt_bpm, prompt_key;
  std::vector<double> beat_times_s;
  std::vector<double> beat_positions;  // in the bar, from 1; as many as beat_times_s
  std::optional<double> bpm;
  std::vector<std::string> chords;
  std::vector<double> chord_times_s;    // as many as chords
  std::string key_root, key_mode;       // "F#", "minor"; both empty if unknown
  double key_probability = 0;           // 0 to 1
  bool is_audioset_eval_mcaps = false;  // false where the file does not say
  // Ours, not MusicBench's: whatever else is known of the clip, attribute to value ("lead" to
  // "violin"); may be empty.
  std::map<std::string, std::string> labels;
};

// Reads one line. INVALID_ARGUMENT names the field, what was expected and what
// was found. Unknown fields are ignored; is_audioset_eval_mcaps and labels may be absent.
// A location that is absolute or climbs out of its folder is refused.
absl::StatusOr<MusicBenchRow> ParseMusicBenchRow(absl::string_view line);

// One line, without its end, with all sixteen fields, and labels where there are any.
std::string FormatMusicBenchRow(const MusicBenchRow& row);

// The location of the clip that an augmented copy was made from:
// data/abc_2.wav -> data/abc.wav. Others stay as they are.
std::string OriginalLocation(absl::string_view location);

}  // namespace magnet

#endif  // MAGNET_TRAIN_MUSICBENCH_ROW_H_
