#include "train/codec_command.h"

#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/torch.h"
#include "train/audio_pool.h"
#include "train/cli/flag_set.h"
#include "train/codec_folder.h"
#include "train/codec_trainer.h"
#include "train/draw_stream.h"
#include "train/process_group.h"
#include "train/run_options.h"
#include "train/training_device.h"
#include "train/training_loop.h"
#include "train/training_state.h"

namespace magnet {
namespace {

// Validation needs few clips.
constexpr double kValidationHours = 0.5;

// From start_from, whose sizes then replace the configuration's, or drawn.
absl::StatusOr<EncodecModel> FirstCodec(CodecTrainingConfig& config) {
  if (!config.start_from.empty()) {
    const absl::StatusOr<CodecFiles> files = ReadCodecFolder(config.start_from);
    if (!files.ok()) return files.status();
    config.codec = files->config;
    return MakeCodec(*files);
  }
  if (absl::Status status = CheckCodecConfig(config.codec); !status.ok()) return status;
  DrawStream draws(static_cast<uint64_t>(config.run.seed), DrawPurpose::kWeights, 0, 0);
  EncodecModel codec(config.codec);
  DrawCodecWeights(codec, draws.Bits());
  return codec;
}

absl::StatusOr<AudioPool> LoadAudio(const CodecTrainingConfig& config, const std::string& rows,
                                    double hours) {
  absl::StatusOr<AudioPool> pool = AudioPool::Load(
      {.rows = rows, .audio = config.audio, .bad_rows = BadRowPolicy::kSkip},
      config.codec.sample_rate_hz, hours * 3600, static_cast<uint64_t>(config.run.seed));
  if (pool.ok()) {
    std::cerr << absl::StrFormat("%s: %d clips, %.2f hours, %d not decoded\n", rows,
                                 pool->num_clips(), pool->seconds() / 3600,
                                 pool->bad_clips().count);
  }
  return pool;
}

absl::Status WriteResult(const CodecTrainingConfig& config, const CodecTrainer& trainer,
                         const std::string& output) {
  absl::StatusOr<CheckpointFolder> folder =
      CheckpointFolder::Open(output + "/checkpoints", config.run.keep_checkpoints);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<std::optional<TrainingState>> newest = folder->LoadNewest(trainer.Fingerprint());
  if (!newest.ok()) return newest.status();
  absl::StatusOr<TrainingState> state = folder->LoadBest();
  if (!state.ok() && newest->has_value()) state = **std::move(newest);
  if (!state.ok()) return state.status();
  const std::string path = output + "/codec";
  absl::Status status = WriteCodecFolder(config.codec, trainer.CodecTensors(state->tensors), path);
  if (status.ok()) std::cout << path << " (step " << state->step << ")\n";
  return status;
}

absl::Status Train(CodecTrainingConfig config, const RunOptions& options) {
  absl::StatusOr<std::unique_ptr<ProcessGroup>> processes = ProcessGroup::FromEnvironment();
  if (!processes.ok()) return processes.status();
  const absl::StatusOr<TrainingDevice> device =
      ChooseTrainingDevice(options.device, config.run.precision);
  if (!device.ok()) return device.status();
  absl::StatusOr<EncodecModel> codec = FirstCodec(config);
  if (!codec.ok()) return codec.status();
  const absl::StatusOr<AudioPool> training = LoadAudio(config, config.rows, config.max_audio_hours);
  if (!training.ok()) return training.status();
  std::optional<AudioPool> validation;
  if (!config.validation_rows.empty()) {
    absl::StatusOr<AudioPool> pool = LoadAudio(config, config.validation_rows, kValidationHours);
    if (!pool.ok()) return pool.status();
    validation = *std::move(pool);
  }
  std::cerr << Describe(*device) << ", " << (*processes)->size() << " process(es)\n";
  CodecTrainer trainer(config, *std::move(codec), *training, validation ? &*validation : nullptr,
                       *device, **processes);
  LoopEnd end = LoopEnd::kFinished;
  if (!options.export_only) {
    const absl::StatusOr<LoopEnd> trained =
        RunTraining(trainer, {config.run, options.output, options.steps}, **processes, std::cerr);
    if (!trained.ok()) return trained.status();
    end = *trained;
  }
  if ((*processes)->rank() != 0) return absl::OkStatus();
  if (absl::Status status = WriteResult(config, trainer, options.output); !status.ok()) {
    return status;
  }
  const bool stopped = end == LoopEnd::kStopped && options.steps == 0;
  return stopped ? absl::CancelledError("stopped; the same command goes on") : absl::OkStatus();
}

}  // namespace

absl::Status RunCodec(const std::vector<std::string>& arguments) {
  RunOptions options;
  FlagSet flags("codec", "Trains the codec: audio to codes and back.");
  AddRunFlags(options, flags);
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return absl::OkStatus();
  }
  if (absl::Status status = ApplyRunOptions(options); !status.ok()) return status;
  absl::StatusOr<CodecTrainingConfig> config = ReadCodecTrainingConfig(options.config);
  if (!config.ok()) return config.status();
  return Train(*std::move(config), options);
}

}  // namespace magnet
