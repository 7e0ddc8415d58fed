// What a killed run goes on from: checkpoints in a folder.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_TRAINING_STATE_H_
#define MAGNET_TRAIN_TRAINING_STATE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "model/torch.h"

namespace magnet {

// Everything a run consists of. Random numbers and the order of the data are
// functions of (seed, step), see draw_stream.h: `step` is their state and the
// data's cursor.
struct TrainingState {
  int64_t step = 0;                                            // updates done
  double best_loss = std::numeric_limits<double>::infinity();  // of the validations so far
  std::string fingerprint;  // of the configuration; a state of another is refused
  TensorMap tensors;        // weights, moments, averages
};

// Files step-<number>.safetensors and best.safetensors.
//
// A checkpoint is written beside its place and renamed into it, after its bytes
// are durable: whatever kills the process, and whenever the disk is full, the
// checkpoints from before are whole.
class CheckpointFolder {
 public:
  // Creates the folder where it is not there.
  static absl::StatusOr<CheckpointFolder> Open(const std::string& folder, int keep_last);

  // Removes what a killed writer has left; for the one writer of the folder.
  void RemoveUnfinished();

  // Writes a checkpoint, then removes all but the `keep_last` newest and the
  // best. On an error nothing is removed.
  absl::Status Save(const TrainingState& state, bool is_best);

  // The newest checkpoint; none where there is none. A damaged file is passed
  // over for the one before it, with a line on stderr. FAILED_PRECONDITION where
  // its fingerprint is another than `fingerprint`.
  absl::StatusOr<std::optional<TrainingState>> LoadNewest(const std::string& fingerprint) const;

  // The best; NOT_FOUND where no validation has been.
  absl::StatusOr<TrainingState> LoadBest() const;

  // What a finished or stopped run leads to: the best, or the newest where no
  // validation has been. NOT_FOUND where there is neither; FAILED_PRECONDITION as LoadNewest.
  absl::StatusOr<TrainingState> LoadResult(const std::string& fingerprint) const;

  // Steps of the checkpoints, rising.
  std::vector<int64_t> Steps() const;

 private:
  CheckpointFolder(std::string folder, int keep_last)
      : folder_(std::move(folder)), keep_last_(keep_last) {}

  std::string PathOf(int64_t step) const;
  std::string BestPath() const;

  std::string folder_;
  int keep_last_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_TRAINING_STATE_H_
