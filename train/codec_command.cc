#include "train/codec_command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/checkpoint/codec_tensors.h"
#include "model/torch.h"
#include "train/audio_pool.h"
#include "train/codec_folder.h"
#include "train/codec_start.h"
#include "train/codec_trainer.h"
#include "train/draw_stream.h"
#include "train/process_group.h"
#include "train/regenerated_clips.h"
#include "train/spectral_codebook.h"
#include "train/spectral_target.h"
#include "train/training_command.h"
#include "train/training_device.h"

namespace magnet {
namespace {

// Validation needs few clips.
constexpr double kValidationHours = 0.5;

absl::StatusOr<EncodecModel> CodecOf(const std::string& folder) {
  const absl::StatusOr<CodecFiles> files = ReadCodecFolder(folder);
  if (!files.ok()) return files.status();
  return MakeCodec(*files);
}

absl::Status CheckSpectralDims(const CodecTrainingConfig& config) {
  int most = SpectralTarget::NumBands(config.codec.sample_rate_hz);
  // A codec to go on from may get them besides its own.
  if (config.start_from.empty()) most = std::min(most, config.codec.dimension - 1);
  if (config.spectral.dims <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("spectral.dims: expected at most ", most,
                                                 " for this codec, found ", config.spectral.dims));
}

// From start_from, whose sizes then replace the configuration's, or drawn.
absl::StatusOr<EncodecModel> FirstCodec(CodecTrainingConfig& config) {
  DrawStream draws(static_cast<uint64_t>(config.run.seed), DrawPurpose::kWeights, 0, 0);
  if (config.start_from.empty()) {
    absl::Status status = CheckCodecConfig(config.codec, "codec");
    if (status.ok()) status = CheckSpectralDims(config);
    if (!status.ok()) return status;
    EncodecModel codec(config.codec);
    DrawCodecWeights(codec, draws.Bits());
    return codec;
  }
  absl::StatusOr<EncodecModel> codec = CodecOf(config.start_from);
  if (!codec.ok()) return codec.status();
  config.codec = (*codec)->config();
  if (absl::Status status = CheckSpectralDims(config); !status.ok()) return status;
  const int has = SpectralDims(*codec);
  if (has > 0 && !config.decoder_only && has != config.spectral.dims) {
    return absl::FailedPreconditionError(
        absl::StrCat("spectral.dims: expected ", has, ", as the first codebook of ",
                     config.start_from, " has, found ", config.spectral.dims));
  }
  if (config.spectral.dims > 0 && has == 0) {
    codec = AddSpectralCodebook(*codec, config.spectral.dims, draws.Bits());
    config.codec = (*codec)->config();
  }
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

absl::StatusOr<RegeneratedClips> LoadRegenerated(const CodecTrainingConfig& config) {
  const absl::StatusOr<CodecFiles> codec = ReadCodecFolder(config.start_from);
  if (!codec.ok()) return codec.status();
  absl::StatusOr<RegeneratedClips> clips = RegeneratedClips::Load(
      config.regenerated.codes,
      {.rows = config.rows, .audio = config.audio, .bad_rows = BadRowPolicy::kSkip},
      codec->fingerprint, config.codec.sample_rate_hz, CodecTrainer::CropFrames(config));
  if (clips.ok()) {
    std::cerr << config.regenerated.codes << ": " << clips->size() << " regenerated clips, "
              << clips->validation_size() << " more for validation\n";
  }
  return clips;
}

absl::Status WriteResult(const CodecConfig& config, const TensorMap& tensors, int64_t step,
                         const std::string& folder) {
  const absl::Status status = WriteCodecFolder(config, tensors, folder);
  if (status.ok()) std::cout << folder << " (step " << step << ")\n";
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
  std::optional<RegeneratedClips> regenerated;
  if (!config.regenerated.codes.empty()) {
    absl::StatusOr<RegeneratedClips> clips = LoadRegenerated(config);
    if (!clips.ok()) return clips.status();
    regenerated = *std::move(clips);
  }
  std::cerr << Describe(*device) << ", " << (*processes)->size() << " process(es)\n";
  CodecTrainer trainer(config, *std::move(codec), *training, validation ? &*validation : nullptr,
                       regenerated ? &*regenerated : nullptr, *device, **processes);
  return TrainAndWrite(trainer, config.run, options, **processes, [&](const TrainingState& chosen) {
    return WriteResult(config.codec, trainer.CodecTensors(chosen.tensors), chosen.step,
                       options.output + "/codec");
  });
}

}  // namespace

absl::Status RunCodec(const std::vector<std::string>& arguments) {
  const auto options =
      ReadRunOptions("codec", "Trains the codec: audio to codes and back.", arguments);
  if (!options.ok() || !options->has_value()) return options.status();
  absl::StatusOr<CodecTrainingConfig> config = ReadCodecTrainingConfig((*options)->config);
  if (!config.ok()) return config.status();
  return Train(*std::move(config), **options);
}

}  // namespace magnet
