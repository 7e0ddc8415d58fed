// The part of training that is the same for every model: steps, validation,
// checkpoints, metrics, progress, stopping.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_TRAINING_LOOP_H_
#define MAGNET_TRAIN_TRAINING_LOOP_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "train/metrics_log.h"
#include "train/process_group.h"
#include "train/training_config.h"

namespace magnet {

struct StepReport {
  double loss = 0;    // what the bar shows; over all processes
  int64_t items = 0;  // trained on in this step, over all processes
  Metrics metrics;    // for metrics.jsonl, the loss included
};

// A model in training.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  // Update number `step`, from 0: a function of (State, step) alone. A loss or
  // gradient that is not finite is INTERNAL, names the step and the batch, and
  // leaves the weights as they were.
  virtual absl::StatusOr<StepReport> Step(int64_t step) = 0;

  // Metrics of the validation set, among them "validation_loss", which decides
  // what is best. Empty: there is no such set.
  virtual absl::StatusOr<Metrics> Validate() = 0;

  // All tensors that Step reads and writes; Restore puts them back.
  // INVALID_ARGUMENT where they do not fit.
  virtual TensorMap State() const = 0;
  virtual absl::Status Restore(const TensorMap& state) = 0;

  // The sizes of the model in one line: what a checkpoint must agree with.
  virtual std::string Fingerprint() const = 0;
};

struct LoopOptions {
  RunConfig run;
  std::string output;      // folder: checkpoints/, metrics.jsonl
  int64_t stop_after = 0;  // steps of this process, then as Ctrl-C; 0: no limit
};

enum class LoopEnd { kFinished, kStopped };

// Goes on from the newest checkpoint in the output folder, if any, and trains to
// total_steps, or until SIGINT or SIGTERM, after which a checkpoint is written.
// A checkpoint that cannot be written (a full disk) is reported on `log` and
// tried again at the next occasion; only at the end it is an error.
absl::StatusOr<LoopEnd> RunTraining(TrainingTask& task, const LoopOptions& options,
                                    ProcessGroup& processes, std::ostream& log);

}  // namespace magnet

#endif  // MAGNET_TRAIN_TRAINING_LOOP_H_
