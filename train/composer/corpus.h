// A data set of composed music on disk.
#ifndef MAGNET_TRAIN_COMPOSER_CORPUS_H_
#define MAGNET_TRAIN_COMPOSER_CORPUS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace magnet {

inline constexpr int kCorpusSampleRateHz = 32000;

struct CorpusOptions {
  std::string folder;
  double hours = 20;
  uint64_t seed = 1;
  int num_threads = 1;
  std::string soundfont = "/usr/share/sounds/sf2/FluidR3_GM.sf2";
  // Called first with 0 and the total, then with the clips done after each song: from any thread,
  // one call at a time.
  std::function<void(int, int)> on_progress = [](int, int) {};
};

struct CorpusReport {
  int num_songs = 0;
  int num_train = 0;     // clips
  int num_test = 0;      // clips; in TestA and, with the control sentences, in TestB
  int num_rendered = 0;  // by this run; the others were there already
};

// Writes a data set in MusicBench's format, with labels (musicbench_row.h):
//   MusicBench_train.json, MusicBench_test_A.json, MusicBench_test_B.json
//   truth_train.jsonl, truth_test_A.jsonl, truth_test_B.jsonl  what evaluation asks for, by
//   location
//   data/<seed>-<song>-<clip>.wav                              10 s, 32 kHz, mono, 16 bits
//   composed.json                                              what the clips were made with
// A song is wholly in train or wholly in test. The same seed gives the same files
// whatever the number of threads; more hours add songs and change none. A run
// that was cut off goes on with the clips that are missing; files appear complete
// or not at all. FAILED_PRECONDITION if the folder holds another seed's or
// soundfont's clips.
absl::StatusOr<CorpusReport> WriteCorpus(const CorpusOptions& options);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_CORPUS_H_
