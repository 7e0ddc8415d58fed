// Everything that decides what a training run computes, as its YAML file says it.
//
// Plain data: no torch type. Field names equal the YAML keys; what a file leaves
// out keeps the value below. Sizes of the models are those of model_config.h.
#ifndef MAGNET_TRAIN_TRAINING_CONFIG_H_
#define MAGNET_TRAIN_TRAINING_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "train/captions.h"

namespace magnet {

enum class TrainingPrecision {
  kAuto,  // bfloat16 on a GPU, and where CpuGainsByBFloat16()
  kFloat32,
  kBFloat16,  // autocast: weights, moments and losses stay float32
};

// What updates the matrices of attention and feed-forward layers; the rest - embeddings,
// heads, norms, biases - is always updated by AdamW.
enum class HiddenMatrices {
  kAdamW,
  kMuon,  // muon.h; learning_rate and weight_decay mean what they do in AdamW
};

struct OptimizerConfig {
  double learning_rate = 5e-4;   // after the warm-up
  double final_fraction = 0.05;  // of learning_rate, at the last step
  int warmup_steps = 1000;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;   // 0: no clipping
  double ema_decay = 0.99;  // per update; 0: no averaged weights
};

// What every kind of run has.
struct RunConfig {
  int seed = 1;
  int total_steps = 10'000;  // updates
  int batch_size = 16;       // items of one process in one pass
  int accumulation = 1;      // passes per update
  TrainingPrecision precision = TrainingPrecision::kAuto;
  int checkpoint_steps = 500;  // between checkpoints
  int validation_steps = 500;  // between validations; 0: none
  int validation_items = 64;   // of the validation set, the same ones every time
  int keep_checkpoints = 3;    // the newest ones, beside the best
};

// What of a row a model is told (captions.h).
struct CaptionConfig {
  CaptionChoice choice = CaptionChoice::kEither;
  double control_chance = 0.5;  // of each control sentence
};

// A beginning on less than the model's window. What a caption says is heard
// within seconds, and a step on short crops costs a fraction; the steps after it
// teach the whole window.
struct ShortCropConfig {
  int steps = 0;   // the first so many steps; 0: none
  int frames = 0;  // of a crop, at most the window's
};

// A beginning of the text encoder alone: from a caption's mean state it learns how
// often each code occurs in the clip. Cheap, as no frame is computed, and the language
// model then finds states that tell instruments and keys apart. With weight_after it goes on
// learning that while the language model learns.
struct TextFirstConfig {
  int steps = 0;              // the first so many steps; 0: none
  int batch_size = 128;       // captions of one process in one pass
  double weight_after = 0;    // of the same loss beside the language model's, in later steps
  int batch_size_after = 32;  // likewise
};

struct LmTrainingConfig {
  std::string name = "magnet";  // of the bundle
  std::string version;
  std::string description;
  std::string license = "MIT";
  RunConfig run;
  OptimizerConfig optimizer;
  std::string codes;              // folder that `magnet-train encode` has written, for training
  std::string validation_codes;   // likewise, for validation; empty: none
  std::string codec;              // folder of the codec the codes are from; empty: start_from's
  std::string start_from;         // bundle to go on from; empty: from nothing
  std::string text_encoder_from;  // bundle whose text encoder and vocabulary are used;
                                  // empty: start_from's, else a new one
  bool train_text_encoder = true;
  int vocabulary_size = 1000;  // pieces of a new vocabulary
  int max_text_tokens = 128;   // longer captions are cut
  CaptionConfig captions;
  double condition_dropout = 0.3;
  double beat_dropout = 0.1;  // share of items that are not told their beats (lm.beats)
  // Share of items whose frames are all masked, as they are in decoding's first step, where
  // only the text tells what to play. The reference's mask rates come near it in one of eight.
  double full_mask_chance = 0;
  HiddenMatrices hidden_matrices = HiddenMatrices::kAdamW;
  bool neighbour_start = false;  // begin with neighbouring codes' statistics (neighbour_start.h)
  // The tables of lm.neighbour_tables learn along with the codes (span_neighbours.h); else they
  // stay as they are counted.
  bool train_neighbours = false;
  TextFirstConfig text_first;
  double annotation_weight = 0;  // of beats, chords and keys beside the codes (lm_trainer.h)
  ShortCropConfig short_crops;
  std::vector<int> stage_weights;  // how often each stage is trained; empty: equally
  LmConfig lm;                     // num_codebooks, card and text_dim follow from the codec and the
                                   // text encoder where they are 0
  TextEncoderConfig text_encoder;  // of a new one; vocab_size follows where 0
  SamplingDefaults sampling;       // of the bundle
};

// Part of a codec's training, one after the other.
struct CodecPhase {
  int steps = 0;
  double learning_rate = 3e-4;
  double waveform_weight = 1.0;     // L1 of the samples
  double mel_weight = 0.1;          // L1 of log10 mel spectra, mean over the windows
  double commitment_weight = 0.25;  // quantized phases only
  double adversarial_weight = 0;    // multi-scale STFT discriminator; 0: off
  bool quantized = false;
};

// A first codebook that tells what sounds and not its phase (train/spectral_target.h):
// a language model learns it much sooner.
struct SpectralConfig {
  int dims = 0;         // of the latent that it has to itself; 0: no such codebook
  double weight = 0.1;  // of the squared distance from the spectral target
};

// Items of a decoder's batch whose codes a language model has written
// (train/regenerated_clips.h). Compared by mel spectra alone.
struct RegeneratedConfig {
  std::string codes;        // folder of `magnet-train regenerate`; empty: none
  double share = 0.5;       // of the batch, at least one item and not all
  double mel_weight = 0.3;  // as a phase's
};

struct CodecTrainingConfig {
  RunConfig run;                // total_steps is the sum of the phases'
  OptimizerConfig optimizer;    // its learning_rate is replaced by the phase's
  std::string rows;             // JSON lines of the data set whose audio is trained on
  std::string audio;            // its folder or archive (musicbench_dataset.h)
  std::string validation_rows;  // likewise, for validation; empty: none
  double max_audio_hours = 10;  // held in memory, 230 MB an hour at 32 kHz
  std::string start_from;       // folder of a codec to go on from; empty: from nothing
  bool decoder_only = false;    // encoder and codebooks of start_from stay: so do the codes
  double crop_seconds = 1.0;
  std::vector<int> mel_windows = {128, 256, 512, 1024, 2048};  // samples
  int mel_bands = 64;
  SpectralConfig spectral;        // added to start_from's codec where that has none
  RegeneratedConfig regenerated;  // with decoder_only
  int kmeans_frames = 40'960;     // for the first centroids
  int kmeans_iterations = 20;
  double codebook_decay = 0.99;   // of the centroids' moving averages
  double dead_code_share = 0.05;  // of the mean use, under which a centroid is moved
  CodecConfig codec;
  std::vector<CodecPhase> phases;
};

// Parse a YAML file. INVALID_ARGUMENT names `source`, the key by its path (with
// its line), what was expected and what was found; unknown keys are errors.
absl::StatusOr<LmTrainingConfig> ParseLmTrainingConfig(const std::string& yaml,
                                                       const std::string& source);
absl::StatusOr<CodecTrainingConfig> ParseCodecTrainingConfig(const std::string& yaml,
                                                             const std::string& source);

// Read the file and parse it.
absl::StatusOr<LmTrainingConfig> ReadLmTrainingConfig(const std::string& path);
absl::StatusOr<CodecTrainingConfig> ReadCodecTrainingConfig(const std::string& path);

}  // namespace magnet

#endif  // MAGNET_TRAIN_TRAINING_CONFIG_H_
