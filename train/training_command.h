// What the commands that train a model have in common: their options, and the
// way from a task to the files of its result.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_TRAINING_COMMAND_H_
#define MAGNET_TRAIN_TRAINING_COMMAND_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "train/process_group.h"
#include "train/training_config.h"
#include "train/training_loop.h"
#include "train/training_state.h"

namespace magnet {

struct RunOptions {
  std::string config;  // YAML file
  std::string output;  // folder
  std::string device = "auto";
  int64_t threads = 0;       // 0: one per core
  int64_t steps = 0;         // in this call at most; 0: to the end
  bool export_only = false;  // train nothing, write the result so far
};

// Reads the options of `command` and sets the tensor library up. None: help was
// asked for and printed. INVALID_ARGUMENT names a wrong option.
absl::StatusOr<std::optional<RunOptions>> ReadRunOptions(const std::string& command,
                                                         const std::string& summary,
                                                         const std::vector<std::string>& arguments);

// Trains, unless only the result is wanted; then the first process writes the
// chosen checkpoint by `write`. CANCELLED where the run was stopped before its
// end, its result so far written.
absl::Status TrainAndWrite(TrainingTask& task, const RunConfig& run, const RunOptions& options,
                           ProcessGroup& processes,
                           const std::function<absl::Status(const TrainingState& chosen)>& write);

}  // namespace magnet

#endif  // MAGNET_TRAIN_TRAINING_COMMAND_H_
