// MusicBench: its rows and its audio.
#ifndef MAGNET_TRAIN_MUSICBENCH_DATASET_H_
#define MAGNET_TRAIN_MUSICBENCH_DATASET_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "train/musicbench_row.h"

namespace magnet {

enum class BadRowPolicy { kSkip, kFail };

struct MusicBenchOptions {
  std::string rows;   // the JSON lines, e.g. MusicBench_train.json
  std::string audio;  // the folder that holds data/, or the .tar.gz (or .tar)
  BadRowPolicy bad_rows = BadRowPolicy::kSkip;
};

// A count and the first few names, for a report that stays readable.
struct NamedCount {
  int64_t count = 0;
  std::vector<std::string> named;

  void Add(const std::string& name);
};

// MusicBench as published, or as `magnet-train compose` writes it. Holds the rows
// in memory (about 2 KB each), reads audio when asked. One thread.
class MusicBenchDataset {
 public:
  // Reads and checks the rows. A bad one is named "FILE:LINE: field 'bpm': ...";
  // it is skipped and counted, or ends the reading with INVALID_ARGUMENT. NOT_FOUND if
  // the file or the audio is not there.
  static absl::StatusOr<MusicBenchDataset> Open(const MusicBenchOptions& options);

  const std::vector<MusicBenchRow>& rows() const { return rows_; }
  const NamedCount& bad_rows() const { return bad_rows_; }

  // Takes out the rows whose clip, or whose original, is among `rows` (of the test
  // sets): no augmented copy of a test clip is trained on. Returns how many.
  int64_t RemoveRelatedTo(const std::vector<MusicBenchRow>& rows);

  // Takes out the rows whose clip is not among `locations`: their audio is not read.
  void KeepOnly(const std::set<std::string>& locations);

  // Called with a row and the bytes of its audio file, once for each row whose
  // audio exists: in the order of rows() for a folder, of the archive
  // for an archive. An error that it returns ends the reading.
  using Visitor = std::function<absl::Status(const MusicBenchRow&, std::string audio)>;

  // Returns which rows have no audio.
  absl::StatusOr<NamedCount> ForEachAudio(const Visitor& visit) const;

 private:
  absl::StatusOr<NamedCount> ForEachInFolder(const Visitor& visit) const;
  absl::StatusOr<NamedCount> ForEachInArchive(const Visitor& visit) const;

  std::string audio_;
  std::vector<MusicBenchRow> rows_;
  NamedCount bad_rows_;
};

enum class Subset { kTraining, kValidation };

// Which side of a split a clip is on: the same for a clip and its augmented copies,
// whatever else is in the data set. `validation_fraction` in [0, 1].
Subset SubsetOf(const std::string& location, double validation_fraction, uint64_t seed);

}  // namespace magnet

#endif  // MAGNET_TRAIN_MUSICBENCH_DATASET_H_
