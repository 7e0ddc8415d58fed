#include "train/run_options.h"

#include "absl/strings/str_cat.h"
#include "model/torch.h"

namespace magnet {

void AddRunFlags(RunOptions& options, FlagSet& flags) {
  flags.Require("config", &options.config, "YAML file of the run (train/configs/)");
  flags.Require("output", &options.output, "folder of the run; goes on where it was cut off");
  flags.Add("device", &options.device, "auto, cpu or cuda");
  flags.Add("threads", &options.threads, "of the CPU; 0: one per core");
  flags.Add("steps", &options.steps, "in this call at most, then as Ctrl-C; 0: to the end");
  flags.Add("export", &options.export_only, "write the newest checkpoint's model, train nothing");
}

absl::Status ApplyRunOptions(const RunOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads: expected 0 to 1024, found ", options.threads));
  }
  if (options.steps < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--steps: expected 0 or more, found ", options.steps));
  }
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  // Denormals of dying gradients cost a hundred times a normal number.
  at::globalContext().setFlushDenormal(true);
  return absl::OkStatus();
}

}  // namespace magnet
