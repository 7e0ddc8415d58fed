#include "train/lm_command.h"

#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "train/cli/flag_set.h"
#include "train/code_shards.h"
#include "train/lm_parts.h"
#include "train/lm_trainer.h"
#include "train/process_group.h"
#include "train/run_options.h"
#include "train/training_device.h"
#include "train/training_loop.h"
#include "train/training_state.h"

namespace magnet {
namespace {

std::string ModelCard(const ModelConfig& model, const TrainingState& state) {
  const LmConfig& lm = model.lm;
  return absl::StrFormat(
      "# %s\n\n%s\n\nLicence: %s. Trained by `magnet-train lm` for %d steps%s: %d layers of width "
      "%d, %d codebooks of %d, windows of %.2f s at %d Hz.\n",
      model.name, model.description, model.license, state.step,
      std::isfinite(state.best_loss) ? absl::StrFormat(" (validation loss %.4f)", state.best_loss)
                                     : "",
      lm.num_layers, lm.dim, lm.num_codebooks, lm.card, model.window_seconds(),
      model.codec.sample_rate_hz);
}

// The best checkpoint's weights, or the newest's where there was no validation.
absl::StatusOr<TrainingState> ChooseState(const RunConfig& run, const LmTrainer& trainer,
                                          const std::string& output) {
  absl::StatusOr<CheckpointFolder> folder =
      CheckpointFolder::Open(output + "/checkpoints", run.keep_checkpoints);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<TrainingState> best = folder->LoadBest();
  if (best.ok() || !absl::IsNotFound(best.status())) return best;
  absl::StatusOr<std::optional<TrainingState>> newest = folder->LoadNewest(trainer.Fingerprint());
  if (!newest.ok()) return newest.status();
  if (newest->has_value()) return **std::move(newest);
  return absl::NotFoundError(absl::StrCat(output, ": there is no checkpoint yet"));
}

absl::Status WriteResult(const LmTrainingConfig& config, const LmTrainer& trainer,
                         const std::string& output) {
  const absl::StatusOr<TrainingState> state = ChooseState(config.run, trainer, output);
  if (!state.ok()) return state.status();
  const std::string folder = output + "/bundle";
  absl::Status status =
      trainer.Export(state->tensors, ModelCard(trainer.model_config(), *state), folder);
  if (status.ok()) std::cout << folder << " (step " << state->step << ")\n";
  return status;
}

void Announce(const LmParts& parts, const CodeSet& training, const TrainingDevice& device,
              const ProcessGroup& processes) {
  const auto millions = [](const torch::nn::Module& module) {
    int64_t count = 0;
    for (const torch::Tensor& parameter : module.parameters()) count += parameter.numel();
    return absl::StrFormat("%.2f M", count / 1e6);
  };
  std::cerr << "language model " << millions(*parts.lm) << ", text encoder "
            << millions(*parts.text_encoder) << " parameters; " << training.size() << " clips; "
            << Describe(device) << ", " << processes.size() << " process(es)\n";
}

absl::Status Train(const LmTrainingConfig& config, const RunOptions& options) {
  absl::StatusOr<std::unique_ptr<ProcessGroup>> processes = ProcessGroup::FromEnvironment();
  if (!processes.ok()) return processes.status();
  const absl::StatusOr<TrainingDevice> device =
      ChooseTrainingDevice(options.device, config.run.precision);
  if (!device.ok()) return device.status();
  const absl::StatusOr<CodeSet> training = CodeSet::Open(config.codes);
  if (!training.ok()) return training.status();
  std::optional<CodeSet> validation;
  if (!config.validation_codes.empty()) {
    absl::StatusOr<CodeSet> opened = CodeSet::Open(config.validation_codes);
    if (!opened.ok()) return opened.status();
    validation = *std::move(opened);
  }
  absl::StatusOr<LmParts> parts = MakeLmParts(config, *training);
  if (!parts.ok()) return parts.status();
  const bool leads = (*processes)->rank() == 0;
  if (leads) Announce(*parts, *training, *device, **processes);
  LmTrainer trainer(config, *std::move(parts), *training, validation ? &*validation : nullptr,
                    *device, **processes);
  LoopEnd end = LoopEnd::kFinished;
  if (!options.export_only) {
    const absl::StatusOr<LoopEnd> trained =
        RunTraining(trainer, {config.run, options.output, options.steps}, **processes, std::cerr);
    if (!trained.ok()) return trained.status();
    end = *trained;
  }
  if (!leads) return absl::OkStatus();
  if (absl::Status status = WriteResult(config, trainer, options.output); !status.ok()) {
    return status;
  }
  const bool stopped = end == LoopEnd::kStopped && options.steps == 0;
  return stopped ? absl::CancelledError("stopped; the same command goes on") : absl::OkStatus();
}

}  // namespace

absl::Status RunLm(const std::vector<std::string>& arguments) {
  RunOptions options;
  FlagSet flags("lm", "Trains the language model, and the text encoder along with it.");
  AddRunFlags(options, flags);
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return absl::OkStatus();
  }
  if (absl::Status status = ApplyRunOptions(options); !status.ok()) return status;
  const absl::StatusOr<LmTrainingConfig> config = ReadLmTrainingConfig(options.config);
  if (!config.ok()) return config.status();
  return Train(*config, options);
}

}  // namespace magnet
