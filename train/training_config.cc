#include "train/training_config.h"

#include <array>
#include <fstream>
#include <iterator>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "train/yaml_fields.h"

namespace magnet {

// Found by YamlReader through their arguments, so not in an unnamed namespace.
using config_fields::Word;

inline constexpr std::array<Word<TrainingPrecision>, 3> kPrecisions = {
    {{"auto", TrainingPrecision::kAuto},
     {"float32", TrainingPrecision::kFloat32},
     {"bfloat16", TrainingPrecision::kBFloat16}}};

inline constexpr std::array<Word<HiddenMatrices>, 2> kHiddenMatrices = {
    {{"adamw", HiddenMatrices::kAdamW}, {"muon", HiddenMatrices::kMuon}}};

inline constexpr std::array<Word<CaptionChoice>, 3> kCaptionChoices = {
    {{"main", CaptionChoice::kMain},
     {"alternative", CaptionChoice::kAlternative},
     {"either", CaptionChoice::kEither}}};

inline constexpr int kManySteps = 1'000'000'000;
inline constexpr int kPathBytes = 4'096;

template <typename Visitor>
void VisitFields(Visitor& v, OptimizerConfig& c) {
  v.Double("learning_rate", c.learning_rate, 1e-9, 1);
  v.Double("final_fraction", c.final_fraction, 0, 1);
  v.Int("warmup_steps", c.warmup_steps, 0, kManySteps);
  v.Double("beta1", c.beta1, 0, 0.9999);
  v.Double("beta2", c.beta2, 0, 0.99999);
  v.Double("epsilon", c.epsilon, 1e-16, 1e-2);
  v.Double("weight_decay", c.weight_decay, 0, 10);
  v.Double("clip_norm", c.clip_norm, 0, 1e6);
  v.Double("ema_decay", c.ema_decay, 0, 0.999999);
}

template <typename Visitor>
void VisitFields(Visitor& v, RunConfig& c) {
  v.Int("seed", c.seed, 0, 2'147'483'647);
  v.Int("total_steps", c.total_steps, 1, kManySteps);
  v.Int("batch_size", c.batch_size, 1, 65'536);
  v.Int("accumulation", c.accumulation, 1, 65'536);
  v.Enum("precision", c.precision, kPrecisions);
  v.Int("checkpoint_steps", c.checkpoint_steps, 1, kManySteps);
  v.Int("validation_steps", c.validation_steps, 0, kManySteps);
  v.Int("validation_items", c.validation_items, 1, 1'000'000);
  v.Int("keep_checkpoints", c.keep_checkpoints, 1, 10'000);
}

template <typename Visitor>
void VisitFields(Visitor& v, ShortCropConfig& c) {
  v.Int("steps", c.steps, 0, kManySteps);
  v.Int("frames", c.frames, 0, 1'000'000);
}

template <typename Visitor>
void VisitFields(Visitor& v, CaptionConfig& c) {
  v.Enum("choice", c.choice, kCaptionChoices);
  v.Double("control_chance", c.control_chance, 0, 1);
}

template <typename Visitor>
void VisitFields(Visitor& v, TextFirstConfig& c) {
  v.Int("steps", c.steps, 0, kManySteps);
  v.Int("batch_size", c.batch_size, 1, 1'000'000);
  v.Double("weight_after", c.weight_after, 0, 1e3);
  v.Int("batch_size_after", c.batch_size_after, 1, 1'000'000);
}

template <typename Visitor>
void VisitFields(Visitor& v, LmTrainingConfig& c) {
  v.String("name", c.name, 1, 128);
  v.String("version", c.version, 0, 128);
  v.String("description", c.description, 0, 4'096);
  v.String("license", c.license, 1, 256);
  v.Object("run", c.run);
  v.Object("optimizer", c.optimizer);
  v.String("codes", c.codes, 1, kPathBytes);
  v.String("validation_codes", c.validation_codes, 0, kPathBytes);
  v.String("codec", c.codec, 0, kPathBytes);
  v.String("start_from", c.start_from, 0, kPathBytes);
  v.String("text_encoder_from", c.text_encoder_from, 0, kPathBytes);
  v.Bool("train_text_encoder", c.train_text_encoder);
  v.Int("vocabulary_size", c.vocabulary_size, 16, 1'000'000);
  v.Int("max_text_tokens", c.max_text_tokens, 1, 4'096);
  v.Object("captions", c.captions);
  v.Double("condition_dropout", c.condition_dropout, 0, 1);
  v.Double("beat_dropout", c.beat_dropout, 0, 1);
  v.Double("full_mask_chance", c.full_mask_chance, 0, 1);
  v.Enum("hidden_matrices", c.hidden_matrices, kHiddenMatrices);
  v.Bool("neighbour_start", c.neighbour_start);
  v.Bool("train_neighbours", c.train_neighbours);
  v.Object("text_first", c.text_first);
  v.Double("annotation_weight", c.annotation_weight, 0, 1e6);
  v.Object("short_crops", c.short_crops);
  v.IntList("stage_weights", c.stage_weights, 128, 0, 1'000'000);
  v.Object("lm", c.lm);
  v.Object("text_encoder", c.text_encoder);
  v.Object("sampling", c.sampling);
}

template <typename Visitor>
void VisitFields(Visitor& v, CodecPhase& c) {
  v.Int("steps", c.steps, 1, kManySteps);
  v.Double("learning_rate", c.learning_rate, 1e-9, 1);
  v.Double("waveform_weight", c.waveform_weight, 0, 1e6);
  v.Double("mel_weight", c.mel_weight, 0, 1e6);
  v.Double("commitment_weight", c.commitment_weight, 0, 1e6);
  v.Double("adversarial_weight", c.adversarial_weight, 0, 1e6);
  v.Bool("quantized", c.quantized);
}

template <typename Visitor>
void VisitFields(Visitor& v, SpectralConfig& c) {
  v.Int("dims", c.dims, 0, 80);
  v.Double("weight", c.weight, 0, 1e6);
}

template <typename Visitor>
void VisitFields(Visitor& v, RegeneratedConfig& c) {
  v.String("codes", c.codes, 0, kPathBytes);
  v.Double("share", c.share, 0, 1);
  v.Double("mel_weight", c.mel_weight, 0, 1e6);
}

template <typename Visitor>
void VisitFields(Visitor& v, CodecTrainingConfig& c) {
  v.Object("run", c.run);
  v.Object("optimizer", c.optimizer);
  v.String("rows", c.rows, 1, kPathBytes);
  v.String("audio", c.audio, 1, kPathBytes);
  v.String("validation_rows", c.validation_rows, 0, kPathBytes);
  v.Double("max_audio_hours", c.max_audio_hours, 1e-4, 1e4);
  v.String("start_from", c.start_from, 0, kPathBytes);
  v.Bool("decoder_only", c.decoder_only);
  v.Double("crop_seconds", c.crop_seconds, 0.01, 60);
  v.IntList("mel_windows", c.mel_windows, 16, 16, 65'536);
  v.Int("mel_bands", c.mel_bands, 1, 1'024);
  v.Object("spectral", c.spectral);
  v.Object("regenerated", c.regenerated);
  v.Int("kmeans_frames", c.kmeans_frames, 1, 10'000'000);
  v.Int("kmeans_iterations", c.kmeans_iterations, 1, 1'000);
  v.Double("codebook_decay", c.codebook_decay, 0, 0.99999);
  v.Double("dead_code_share", c.dead_code_share, 0, 1);
  v.Object("codec", c.codec);
  v.ObjectList("phases", c.phases, 64);
}

namespace {

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

absl::StatusOr<LmTrainingConfig> ParseLmTrainingConfig(const std::string& yaml,
                                                       const std::string& source) {
  LmTrainingConfig config;
  if (absl::Status status = ReadYamlFields(yaml, source, config); !status.ok()) return status;
  if (config.codes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": codes: expected the folder of the encoded training set"));
  }
  return config;
}

absl::StatusOr<CodecTrainingConfig> ParseCodecTrainingConfig(const std::string& yaml,
                                                             const std::string& source) {
  CodecTrainingConfig config;
  if (absl::Status status = ReadYamlFields(yaml, source, config); !status.ok()) return status;
  const char* missing = config.rows.empty()     ? "rows"
                        : config.audio.empty()  ? "audio"
                        : config.phases.empty() ? "phases"
                                                : nullptr;
  if (missing != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", missing, ": must be given"));
  }
  bool was_quantized = false;
  config.run.total_steps = 0;
  for (size_t i = 0; i < config.phases.size(); ++i) {
    config.run.total_steps += config.phases[i].steps;
    if (was_quantized && !config.phases[i].quantized) {
      return absl::InvalidArgumentError(absl::StrCat(
          source, ": phases[", i, "].quantized: expected true, as in the phase before it"));
    }
    was_quantized = config.phases[i].quantized;
  }
  if (config.decoder_only && config.start_from.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": decoder_only: expected start_from, whose encoder is kept"));
  }
  if (config.decoder_only && config.spectral.dims > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        source, ": spectral.dims: expected 0 with decoder_only, which learns no codes"));
  }
  if (!config.regenerated.codes.empty() && !config.decoder_only) {
    return absl::InvalidArgumentError(absl::StrCat(
        source, ": regenerated.codes: expected decoder_only, under which they stay valid"));
  }
  if (!config.regenerated.codes.empty() && config.run.batch_size < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": run.batch_size: expected at least 2 with regenerated.codes, found ",
                     config.run.batch_size));
  }
  if (config.decoder_only && !config.phases.front().quantized) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": phases[0].quantized: expected true with decoder_only"));
  }
  return config;
}

absl::StatusOr<LmTrainingConfig> ReadLmTrainingConfig(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return ParseLmTrainingConfig(*text, path);
}

absl::StatusOr<CodecTrainingConfig> ReadCodecTrainingConfig(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return ParseCodecTrainingConfig(*text, path);
}

}  // namespace magnet
