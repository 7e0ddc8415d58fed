// The one list of config.json's fields: names, ranges, words. Reading, writing
// and checking are three visitors of it, so that they cannot disagree.
//
// A visitor has, for a field called `name`:
//   Int(name, int&, min, max)            inclusive range
//   Double(name, double&, min, max)      inclusive range, finite
//   OptionalInt(name, int&, absent, min, max)         as Int; `absent` may be left out
//   OptionalDouble(name, double&, absent, min, max)   as Double; likewise
//   Bool(name, bool&)
//   String(name, std::string&, min_bytes, max_bytes)
//   IntList(name, std::vector<int>&, max_entries, min, max)   not empty
//   Enum(name, E&, words)                words: array of {word, value}
//   Object(name, T&)                     whose own fields follow
//   OptionalObject(name, std::optional<T>&)   likewise; may be absent
#ifndef MAGNET_MODEL_MODEL_CONFIG_FIELDS_H_
#define MAGNET_MODEL_MODEL_CONFIG_FIELDS_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/model_config.h"

namespace magnet::config_fields {

template <typename E>
struct Word {
  std::string_view word;
  E value;
};

inline constexpr std::array<Word<PadMode>, 2> kPadModes = {
    {{"reflect", PadMode::kReflect}, {"constant", PadMode::kConstant}}};
inline constexpr std::array<Word<SubcodesAttention>, 2> kSubcodesAttentions = {
    {{"window", SubcodesAttention::kWindow}, {"causal", SubcodesAttention::kCausal}}};
inline constexpr std::array<Word<SpanArrangement>, 2> kSpanArrangements = {
    {{"nonoverlap", SpanArrangement::kNonoverlap}, {"stride1", SpanArrangement::kStride1}}};
inline constexpr std::array<Word<MaskSchedule>, 2> kMaskSchedules = {
    {{"linspace", MaskSchedule::kLinspace}, {"paper", MaskSchedule::kPaper}}};
inline constexpr std::array<Word<SpanScore>, 3> kSpanScores = {
    {{"max", SpanScore::kMax}, {"prod", SpanScore::kProd}, {"random", SpanScore::kRandom}}};

// The words of an enum, for an error.
template <typename Words>
std::string WordList(const Words& words) {
  return absl::StrJoin(words, ", ", [](std::string* out, const auto& word) {
    absl::StrAppend(out, "\"", std::string(word.word), "\"");
  });
}

inline absl::Status JoinErrors(const std::vector<std::string>& errors) {
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(errors, "; "));
}

inline constexpr int kMaxWidth = 1 << 16;
inline constexpr int kMaxCodes = 1 << 20;

template <typename Visitor>
void VisitFields(Visitor& v, BeatConfig& c) {
  v.Int("ticks_per_beat", c.ticks_per_beat, 1, 1'000);
  v.Int("max_beats_per_bar", c.max_beats_per_bar, 1, 64);
  v.Int("min_frames_per_beat", c.min_frames_per_beat, 1, 10'000);
  v.Int("max_frames_per_beat", c.max_frames_per_beat, 1, 10'000);
}

template <typename Visitor>
void VisitFields(Visitor& v, LmConfig& c) {
  v.Int("dim", c.dim, 4, kMaxWidth);
  v.Int("num_heads", c.num_heads, 1, 1024);
  v.Int("num_layers", c.num_layers, 1, 1024);
  v.Int("ffn_dim", c.ffn_dim, 1, 8 * kMaxWidth);
  v.Int("num_codebooks", c.num_codebooks, 1, 128);
  v.Int("card", c.card, 1, kMaxCodes);
  v.Int("text_dim", c.text_dim, 1, kMaxWidth);
  v.Int("window_frames", c.window_frames, 1, 1'000'000);
  v.Int("span_len", c.span_len, 1, 1'000);
  v.Enum("subcodes_attention", c.subcodes_attention, kSubcodesAttentions);
  v.Int("subcodes_context", c.subcodes_context, -1, 1'000'000);
  v.Bool("bias_attn", c.bias_attn);
  v.Bool("bias_ff", c.bias_ff);
  v.Bool("bias_proj", c.bias_proj);
  v.OptionalObject("beats", c.beats);
  v.OptionalInt("neighbour_tables", c.neighbour_tables, LmConfig().neighbour_tables, 0, 128);
}

template <typename Visitor>
void VisitFields(Visitor& v, CodecConfig& c) {
  v.Int("sample_rate_hz", c.sample_rate_hz, 1'000, 384'000);
  v.Int("num_filters", c.num_filters, 1, 4'096);
  v.Int("dimension", c.dimension, 1, kMaxWidth);
  v.IntList("ratios", c.ratios, 12, 1, 1'024);
  v.Int("kernel_size", c.kernel_size, 1, 1'024);
  v.Int("last_kernel_size", c.last_kernel_size, 1, 1'024);
  v.Int("residual_kernel_size", c.residual_kernel_size, 1, 1'024);
  v.Int("num_residual_layers", c.num_residual_layers, 0, 16);
  v.Int("dilation_base", c.dilation_base, 1, 16);
  v.Int("compress", c.compress, 1, 1'024);
  v.Int("lstm_layers", c.lstm_layers, 0, 16);
  v.Bool("causal", c.causal);
  v.Bool("conv_shortcut", c.conv_shortcut);
  v.Enum("pad_mode", c.pad_mode, kPadModes);
  v.Double("trim_right_ratio", c.trim_right_ratio, 0, 1);
  v.Int("num_codebooks", c.num_codebooks, 1, 1'024);
  v.Int("codebook_size", c.codebook_size, 1, kMaxCodes);
}

template <typename Visitor>
void VisitFields(Visitor& v, TextEncoderConfig& c) {
  v.Int("vocab_size", c.vocab_size, 2, 1 << 24);
  v.Int("d_model", c.d_model, 1, kMaxWidth);
  v.Int("d_kv", c.d_kv, 1, kMaxWidth);
  v.Int("d_ff", c.d_ff, 1, 8 * kMaxWidth);
  v.Int("num_layers", c.num_layers, 1, 1'024);
  v.Int("num_heads", c.num_heads, 1, 1'024);
  v.Int("relative_attention_num_buckets", c.relative_attention_num_buckets, 4, kMaxWidth);
  v.Int("relative_attention_max_distance", c.relative_attention_max_distance, 2, 1 << 24);
  v.Bool("gated_gelu", c.gated_gelu);
  v.Double("layer_norm_epsilon", c.layer_norm_epsilon, 1e-12, 1e-1);
}

template <typename Visitor>
void VisitFields(Visitor& v, SamplingSpec& c) {
  v.Bool("greedy", c.greedy);
  v.Double("temperature", c.temperature, kMinTemperature, kMaxTemperature);
  v.Bool("anneal_temperature", c.anneal_temperature);
  v.OptionalDouble("later_temperature", c.later_temperature, SamplingSpec().later_temperature,
                   kMinLaterTemperature, kMaxLaterTemperature);
  v.Double("top_p", c.top_p, 0, 1);
  v.Int("top_k", c.top_k, 0, kMaxCodes);
  v.Double("guidance_max", c.guidance_max, 0, kMaxGuidance);
  v.Double("guidance_min", c.guidance_min, 0, kMaxGuidance);
  v.OptionalDouble("later_guidance", c.later_guidance, SamplingSpec().later_guidance, 0, 1);
  v.IntList("decoding_steps", c.decoding_steps, 128, 1, 100'000);
  v.Enum("span_arrangement", c.span_arrangement, kSpanArrangements);
  v.Enum("schedule", c.schedule, kMaskSchedules);
  v.Enum("span_score", c.span_score, kSpanScores);
  v.OptionalDouble("neighbour_weight", c.neighbour_weight, SamplingSpec().neighbour_weight, 0,
                   kMaxNeighbourWeight);
}

template <typename Visitor>
void VisitFields(Visitor& v, ModelConfig& c) {
  v.String("name", c.name, 1, 128);
  v.String("version", c.version, 0, 128);
  v.String("description", c.description, 0, 4'096);
  v.String("license", c.license, 1, 256);
  v.Object("lm", c.lm);
  v.Object("codec", c.codec);
  v.Object("text_encoder", c.text_encoder);
  v.Object("sampling", c.sampling);
}

}  // namespace magnet::config_fields

#endif  // MAGNET_MODEL_MODEL_CONFIG_FIELDS_H_
