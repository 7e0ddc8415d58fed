// What to generate: the plain description of one clip that the server, the
// command line and the tests hand to a Generator.
#ifndef MAGNET_MODEL_GENERATION_SPEC_H_
#define MAGNET_MODEL_GENERATION_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

namespace magnet {

enum class SpanArrangement {
  kNonoverlap,  // spans are the blocks [0, span_len), [span_len, 2 span_len), ...
  kStride1,     // spans start at any frame
};

enum class MaskSchedule {
  kLinspace,  // rate_i = cos(pi/2 * i/(s-1)), i = 0..s-1 (the reference's code)
  kPaper,     // rate_i = cos(pi (i-1) / 2s),  i = 1..s   (arXiv 2401.04577, eq. 2)
};

// How a block of the nonoverlap arrangement is scored; stride1 sums, but for kRandom.
enum class SpanScore {
  kMax,     // 1 - the highest probability among its sampled tokens
  kProd,    // the sum of -log probability of its sampled tokens
  kRandom,  // by the seed, of either arrangement: spans become final in random order. The surest
            // first repeats what lasts
};

inline constexpr double kMinTemperature = 0.01;
inline constexpr double kMaxTemperature = 100;
inline constexpr double kMinLaterTemperature = 0.01;
inline constexpr double kMaxLaterTemperature = 10;
inline constexpr double kMaxGuidance = 100;
inline constexpr double kMaxNeighbourWeight = 4;

// How tokens are drawn. Defaults are the released models'.
struct SamplingSpec {
  bool greedy = false;             // argmax; top_p and top_k are unused, temperature only
                                   // shapes the scores of spans
  double temperature = 3.0;        // [kMinTemperature, kMaxTemperature]; divides the logits
  bool anneal_temperature = true;  // falls linearly over the steps of a stage, never under 0.01
  double later_temperature = 1.0;  // times the temperature, in codebooks after the first;
                                   // [kMinLaterTemperature, kMaxLaterTemperature]
  double top_p = 0.9;              // (0, 1]; 0: off; wins over top_k
  int top_k = 0;                   // at most the codebook's entries; 0: off
  double guidance_max = 10.0;      // coefficient at mask rate 1; [0, kMaxGuidance]
  double guidance_min = 1.0;       // coefficient at mask rate 0; [0, kMaxGuidance]
  double later_guidance = 1.0;     // of what these coefficients are over 1, the share that
                                   // codebooks after the first have; [0, 1]. 0: no guidance
                                   // there, and one branch to compute instead of two
  std::vector<int> decoding_steps = {20, 10, 10, 10};  // forward passes, per codebook
  SpanArrangement span_arrangement = SpanArrangement::kNonoverlap;
  MaskSchedule schedule = MaskSchedule::kLinspace;
  SpanScore span_score = SpanScore::kMax;
  double neighbour_weight = 0;  // of what the model's neighbour tables say about a frame whose
                                // span's frame before is drawn in the same step;
                                // [0, kMaxNeighbourWeight]
};

// One text and its share. Weights are relative: {a:1, b:1} equals {a:2, b:2}.
struct WeightedPrompt {
  std::string text;     // UTF-8; empty: the null condition
  double weight = 1.0;  // > 0, finite
};

// The prompts that hold from `start_seconds` of the clip on.
struct PromptSection {
  double start_seconds = 0;             // 0 for the first section, rising
  std::vector<WeightedPrompt> prompts;  // at least one
};

struct TimeRange {
  double start_seconds = 0;
  double end_seconds = 0;  // exclusive, > start_seconds
};

// Audio the clip starts from, placed at its beginning.
//
// Frames inside it are kept, but for those that `regenerate` touches; frames
// after its end are generated. So: a clip longer than the audio continues it,
// ranges in `regenerate` inpaint it, and both may be wanted at once. Each range
// begins inside the audio and inside the clip's frames, which may end a little
// before duration_seconds (model/magnet/window_plan.h).
struct GivenAudio {
  std::vector<float> samples;  // mono, at sample_rate_hz
  int sample_rate_hz = 0;      // any; resampled to the codec's
  std::vector<TimeRange> regenerate;

  bool empty() const { return samples.empty(); }
};

// Tokens instead of audio, for parity tests and for tools that kept them.
struct GivenCodes {
  int num_frames = 0;
  std::vector<int64_t> codes;  // [num_codebooks * num_frames], codebook by codebook
  std::vector<TimeRange> regenerate;

  bool empty() const { return codes.empty(); }
};

struct GenerationSpec {
  std::vector<PromptSection> sections;  // empty: unconditional
  std::string negative_prompt;          // empty: the null condition
  double tempo_bpm = 0;            // beats a minute of the whole clip, for models that are told
                                   // their beats (TempoRange): to the nearest whole frames of a
                                   // beat; 0: what the texts tell. Not beside given audio or
                                   // codes, whose beats are not known
  double duration_seconds = 10.0;  // of the whole clip, given audio included
  uint64_t seed = 0;
  SamplingSpec sampling;
  // Share of a window that is kept from the one before when the clip is longer
  // than a window, at least a span. [0.05, 0.9].
  double overlap = 0.25;
  GivenAudio given_audio;
  GivenCodes given_codes;  // at most one of the two
};

struct ModelConfig;

// What a server or program allows, beside what a model can do.
struct GenerationLimits {
  double max_duration_seconds = 600;
  int max_prompt_bytes = 4096;  // each text
  int max_prompts = 16;         // over all sections
  int max_sections = 64;
  int max_total_steps = 1000;  // sum of decoding_steps, per window
};

// One thing wrong with a spec. `field` is the path of the field in this header,
// e.g. "sampling.top_p" or "sections[1].start_seconds"; `description` says what
// was expected and what was found.
struct SpecViolation {
  std::string field;
  std::string description;
};

// Frames of a clip of `duration_seconds` at `frame_rate_hz`: to the nearest.
int64_t NumFrames(double duration_seconds, double frame_rate_hz);

// `num_frames`, in the nonoverlap arrangement cut to whole spans as the reference does
// (500 -> 498).
int64_t WholeSpans(int64_t num_frames, SpanArrangement arrangement, int span_len);

// Tempos that a clip of a model with `config` can be asked for, in beats a minute.
struct TempoRange {
  double min_bpm = 0;
  double max_bpm = 0;  // 0: the model is not told its beats
};
TempoRange TemposOf(const ModelConfig& config);

// The frame that `seconds` lies in.
int64_t FrameAt(double seconds, double frame_rate_hz);

// All that is wrong with `sampling` for a model of `num_codebooks` codebooks of
// `card` entries and with `neighbour_tables`, in field order. Fields are "sampling.top_p" and so
// on.
std::vector<SpecViolation> FindSamplingViolations(const SamplingSpec& sampling, int num_codebooks,
                                                  int card, int neighbour_tables,
                                                  int max_total_steps);

// All that is wrong with `spec` for a model with `config`, in field order;
// empty: Generator::Begin accepts it. The only validation of specs.
std::vector<SpecViolation> FindViolations(const GenerationSpec& spec, const ModelConfig& config,
                                          const GenerationLimits& limits);

}  // namespace magnet

#endif  // MAGNET_MODEL_GENERATION_SPEC_H_
