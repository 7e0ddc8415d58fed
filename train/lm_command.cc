#include "train/lm_command.h"

#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "train/code_shards.h"
#include "train/lm_parts.h"
#include "train/lm_trainer.h"
#include "train/process_group.h"
#include "train/training_command.h"
#include "train/training_device.h"

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

absl::Status WriteResult(const LmTrainer& trainer, const TrainingState& chosen,
                         const std::string& folder) {
  const absl::Status status =
      trainer.Export(chosen.tensors, ModelCard(trainer.model_config(), chosen), folder);
  if (status.ok()) std::cout << folder << " (step " << chosen.step << ")\n";
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
  if ((*processes)->rank() == 0) Announce(*parts, *training, *device, **processes);
  LmTrainer trainer(config, *std::move(parts), *training, validation ? &*validation : nullptr,
                    *device, **processes);
  return TrainAndWrite(trainer, config.run, options, **processes, [&](const TrainingState& chosen) {
    return WriteResult(trainer, chosen, options.output + "/bundle");
  });
}

}  // namespace

absl::Status RunLm(const std::vector<std::string>& arguments) {
  const auto options = ReadRunOptions(
      "lm", "Trains the language model, and the text encoder along with it.", arguments);
  if (!options.ok() || !options->has_value()) return options.status();
  const absl::StatusOr<LmTrainingConfig> config = ReadLmTrainingConfig((*options)->config);
  if (!config.ok()) return config.status();
  return Train(*config, **options);
}

}  // namespace magnet
