#include "train/training_command.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "model/torch.h"
#include "train/cli/flag_set.h"

namespace magnet {
namespace {

void AddRunFlags(RunOptions& options, FlagSet& flags) {
  flags.Require("config", &options.config, "YAML file of the run (train/configs/)");
  flags.Require("output", &options.output, "folder of the run; goes on where it was cut off");
  flags.Add("device", &options.device, "auto, cpu or cuda");
  flags.Add("threads", &options.threads, "of the CPU; 0: one per core");
  flags.Add("steps", &options.steps, "in this call at most, then as Ctrl-C; 0: to the end");
  flags.Add("export", &options.export_only,
            "write the model so far (of the best validation), train nothing");
}

absl::Status CheckRunOptions(const RunOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads: expected 0 to 1024, found ", options.threads));
  }
  if (options.steps < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--steps: expected 0 or more, found ", options.steps));
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainingState> ChooseResult(const TrainingTask& task, const RunConfig& run,
                                           const std::string& output) {
  const absl::StatusOr<CheckpointFolder> folder =
      CheckpointFolder::Open(output + "/checkpoints", run.keep_checkpoints);
  if (!folder.ok()) return folder.status();
  return folder->LoadResult(task.Fingerprint());
}

}  // namespace

absl::StatusOr<std::optional<RunOptions>> ReadRunOptions(
    const std::string& command, const std::string& summary,
    const std::vector<std::string>& arguments) {
  RunOptions options;
  FlagSet flags(command, summary);
  AddRunFlags(options, flags);
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return std::optional<RunOptions>();
  }
  if (absl::Status status = CheckRunOptions(options); !status.ok()) return status;
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  // Denormals of dying gradients cost a hundred times a normal number.
  at::globalContext().setFlushDenormal(true);
  return std::optional<RunOptions>(options);
}

absl::Status TrainAndWrite(TrainingTask& task, const RunConfig& run, const RunOptions& options,
                           ProcessGroup& processes,
                           const std::function<absl::Status(const TrainingState& chosen)>& write) {
  LoopEnd end = LoopEnd::kFinished;
  if (!options.export_only) {
    const absl::StatusOr<LoopEnd> trained =
        RunTraining(task, {run, options.output, options.steps}, processes, std::cerr);
    if (!trained.ok()) return trained.status();
    end = *trained;
  }
  if (processes.rank() != 0) return absl::OkStatus();
  const absl::StatusOr<TrainingState> chosen = ChooseResult(task, run, options.output);
  if (!chosen.ok()) return chosen.status();
  if (absl::Status status = write(*chosen); !status.ok()) return status;
  const bool stopped = end == LoopEnd::kStopped && options.steps == 0;
  return stopped ? absl::CancelledError("stopped; the same command goes on") : absl::OkStatus();
}

}  // namespace magnet
