// The options that every training command has.
#ifndef MAGNET_TRAIN_RUN_OPTIONS_H_
#define MAGNET_TRAIN_RUN_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "train/cli/flag_set.h"
#include "train/training_config.h"

namespace magnet {

struct RunOptions {
  std::string config;  // YAML file
  std::string output;  // folder
  std::string device = "auto";
  int64_t threads = 0;       // 0: one per core
  int64_t steps = 0;         // in this call at most; 0: to the end
  bool export_only = false;  // train nothing, write the result of the newest checkpoint
};

// Adds --config, --output, --device, --threads, --steps and --export.
void AddRunFlags(RunOptions& options, FlagSet& flags);

// Sets the tensor library up. INVALID_ARGUMENT names a wrong option.
absl::Status ApplyRunOptions(const RunOptions& options);

}  // namespace magnet

#endif  // MAGNET_TRAIN_RUN_OPTIONS_H_
