// Every size and setting of a model, as a bundle's config.json holds it.
//
// Plain data: no torch type, no file access. Field names equal the JSON keys.
#ifndef MAGNET_MODEL_MODEL_CONFIG_H_
#define MAGNET_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generation_spec.h"

namespace magnet {

// What frames see in the stages after the first.
enum class SubcodesAttention {
  kWindow,  // |i - j| <= subcodes_context: the paper, and audiocraft with xformers
  kCausal,  // j <= i: what audiocraft computes without xformers, whose `torch` back
            // end takes any mask for a causal one; for models trained that way
};

// Beats as an input beside the codes: every frame of a clip has one id, its tick, that says
// where in its bar it lies. Which tempo and metre a clip has is told by its text (a head
// over the text's states). An extension: audiocraft's models have none.
struct BeatConfig {
  int ticks_per_beat = 24;       // ids from one beat to the next
  int max_beats_per_bar = 8;     // places of a beat in its bar
  int min_frames_per_beat = 12;  // the fastest beat that a text can tell
  int max_frames_per_beat = 75;  // the slowest

  int num_ticks() const { return ticks_per_beat * max_beats_per_bar; }
  int no_tick_id() const { return num_ticks(); }  // of a frame whose beat is not known
  int num_tempos() const { return max_frames_per_beat - min_frames_per_beat + 1; }
  // The whole frames of a beat at `bpm`, rounded; none where the model has no such beat.
  std::optional<int> FramesPerBeat(double bpm, double frame_rate_hz) const;
  bool operator==(const BeatConfig&) const = default;
};

// The masked transformer (audiocraft's MagnetLMModel).
struct LmConfig {
  int dim = 0;        // model width D
  int num_heads = 0;  // divides dim
  int num_layers = 0;
  int ffn_dim = 0;        // hidden width of the feed-forward, 4 * dim in released models
  int num_codebooks = 0;  // K: stages of decoding
  int card = 0;           // entries of a codebook; the id `card` is the mask
  int text_dim = 0;       // width of the text encoder's hidden states
  int window_frames = 0;  // frames of the longest sequence in one window (T)
  int span_len = 3;       // frames masked together
  SubcodesAttention subcodes_attention = SubcodesAttention::kWindow;
  int subcodes_context = 5;           // of kWindow; < 0: everywhere
  bool bias_attn = false;             // biases of the attention projections
  bool bias_ff = false;               // biases of the feed-forward
  bool bias_proj = false;             // biases of the K heads
  std::optional<BeatConfig> beats{};  // frames are told their beats
  int neighbour_tables = 0;  // codebooks, from the first, with a table of which code follows which

  int mask_token_id() const { return card; }
  // Ids that a frame is embedded from: its codes, and its tick.
  int num_inputs() const { return num_codebooks + (beats.has_value() ? 1 : 0); }
};

enum class PadMode { kReflect, kConstant };

// SEANet encoder and decoder with a residual vector quantizer (EnCodec).
struct CodecConfig {
  int sample_rate_hz = 0;
  int num_filters = 0;           // channels after the first convolution
  int dimension = 0;             // width of a quantized frame
  std::vector<int> ratios;       // decoder order, as in the checkpoints: {8, 5, 4, 4}
  int kernel_size = 7;           // first convolution
  int last_kernel_size = 7;      // last convolution
  int residual_kernel_size = 3;  // first convolution of a residual block
  int num_residual_layers = 1;   // residual blocks per ratio
  int dilation_base = 2;         // residual block j dilates by dilation_base^j
  int compress = 2;              // residual blocks narrow their channels by this
  int lstm_layers = 2;           // 0: no LSTM
  bool causal = false;
  bool conv_shortcut = false;  // a 1x1 convolution on the skip path; else identity
  PadMode pad_mode = PadMode::kReflect;
  double trim_right_ratio = 1.0;  // causal only: share of the padding cropped on the right
  int num_codebooks = 0;          // codebooks in codec.safetensors that are used
  int codebook_size = 0;

  int hop_length() const;        // samples per frame: the product of ratios
  double frame_rate_hz() const;  // sample_rate_hz / hop_length
};

// A T5 encoder.
struct TextEncoderConfig {
  int vocab_size = 0;
  int d_model = 0;
  int d_kv = 0;  // width of one head
  int d_ff = 0;
  int num_layers = 0;
  int num_heads = 0;
  int relative_attention_num_buckets = 32;
  int relative_attention_max_distance = 128;
  bool gated_gelu = false;  // false: ReLU feed-forward; true: gated tanh-form GELU
  double layer_norm_epsilon = 1e-6;
};

// How this model is best sampled; what a request does not say is taken from here.
using SamplingDefaults = SamplingSpec;

struct ModelConfig {
  std::string name;         // what `model` of a request names
  std::string version;      // free text, reported with every result
  std::string description;  // one sentence for a person
  std::string license;      // SPDX id or a short name, e.g. "MIT", "CC-BY-NC-4.0"
  LmConfig lm;
  CodecConfig codec;
  TextEncoderConfig text_encoder;
  SamplingDefaults sampling;

  // Seconds in one window, after the cut to whole spans.
  double window_seconds() const;
};

// Parses config.json. Errors (INVALID_ARGUMENT) name the key by its path, what
// was expected and what was found; unknown keys, missing keys, sizes out of
// range and sizes that contradict each other are all errors. Never throws.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json);

// The inverse of ParseModelConfig, indented for a person.
std::string FormatModelConfig(const ModelConfig& config);

// The checks of ParseModelConfig on a config made in code.
absl::Status CheckModelConfig(const ModelConfig& config);

}  // namespace magnet

#endif  // MAGNET_MODEL_MODEL_CONFIG_H_
