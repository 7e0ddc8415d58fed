#include "server/generation_request.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

constexpr double kDefaultChunkSeconds = 0.25;
constexpr double kMinChunkSeconds = 0.02;
constexpr double kMaxChunkSeconds = 10;
constexpr int kMaxGivenChannels = 16;

using Violations = std::vector<FieldViolation>;

// One row per value: how the wire and the engine say it.
template <typename Wire, typename Own>
using EnumTable = std::vector<std::pair<Wire, Own>>;

const EnumTable<v1::AudioFormat, AudioFormat> kFormats = {
    {v1::AUDIO_FORMAT_PCM_S16, AudioFormat::kPcmS16},
    {v1::AUDIO_FORMAT_PCM_F32, AudioFormat::kPcmF32},
    {v1::AUDIO_FORMAT_WAV_S16, AudioFormat::kWavS16},
    {v1::AUDIO_FORMAT_WAV_F32, AudioFormat::kWavF32},
    {v1::AUDIO_FORMAT_FLAC, AudioFormat::kFlac},
    {v1::AUDIO_FORMAT_OGG_OPUS, AudioFormat::kOggOpus}};
const EnumTable<v1::Priority, JobPriority> kPriorities = {
    {v1::PRIORITY_LOW, JobPriority::kLow},
    {v1::PRIORITY_NORMAL, JobPriority::kNormal},
    {v1::PRIORITY_HIGH, JobPriority::kHigh}};
const EnumTable<v1::SpanArrangement, SpanArrangement> kArrangements = {
    {v1::SPAN_ARRANGEMENT_NONOVERLAP, SpanArrangement::kNonoverlap},
    {v1::SPAN_ARRANGEMENT_STRIDE1, SpanArrangement::kStride1}};
const EnumTable<v1::MaskSchedule, MaskSchedule> kSchedules = {
    {v1::MASK_SCHEDULE_LINSPACE, MaskSchedule::kLinspace},
    {v1::MASK_SCHEDULE_PAPER, MaskSchedule::kPaper}};
const EnumTable<v1::SpanScore, SpanScore> kScores = {{v1::SPAN_SCORE_MAX, SpanScore::kMax},
                                                     {v1::SPAN_SCORE_PROD, SpanScore::kProd},
                                                     {v1::SPAN_SCORE_RANDOM, SpanScore::kRandom}};

// Leaves `own` as it is where the wire says nothing.
template <typename Wire, typename Own>
void ConvertEnum(const EnumTable<Wire, Own>& table, Wire wire, const std::string& field, Own& own,
                 Violations& violations) {
  if (wire == Wire(0)) return;
  for (const auto& [from, to] : table) {
    if (from == wire) {
      own = to;
      return;
    }
  }
  violations.push_back(
      {field, absl::StrCat("expected a known value, found ", static_cast<int>(wire))});
}

template <typename Wire, typename Own>
Wire WireEnum(const EnumTable<Wire, Own>& table, Own own) {
  for (const auto& [wire, value] : table) {
    if (value == own) return wire;
  }
  return Wire(0);
}

void ConvertSampling(const v1::SamplingOptions& from, SamplingSpec& to, Violations& violations) {
  if (from.has_greedy()) to.greedy = from.greedy();
  if (from.has_temperature()) to.temperature = from.temperature();
  if (from.has_anneal_temperature()) to.anneal_temperature = from.anneal_temperature();
  if (from.has_later_temperature()) to.later_temperature = from.later_temperature();
  if (from.has_top_p()) to.top_p = from.top_p();
  if (from.has_top_k()) to.top_k = from.top_k();
  if (from.has_guidance_max()) to.guidance_max = from.guidance_max();
  if (from.has_guidance_min()) to.guidance_min = from.guidance_min();
  if (from.has_later_guidance()) to.later_guidance = from.later_guidance();
  if (from.has_neighbour_weight()) to.neighbour_weight = from.neighbour_weight();
  if (from.decoding_steps_size() > 0) {
    to.decoding_steps.assign(from.decoding_steps().begin(), from.decoding_steps().end());
  }
  ConvertEnum(kArrangements, from.span_arrangement(), "sampling.span_arrangement",
              to.span_arrangement, violations);
  ConvertEnum(kSchedules, from.schedule(), "sampling.schedule", to.schedule, violations);
  ConvertEnum(kScores, from.span_score(), "sampling.span_score", to.span_score, violations);
}

std::vector<PromptSection> ConvertPrompts(const v1::GenerateRequest& request,
                                          Violations& violations) {
  std::vector<PromptSection> sections;
  if (!request.prompt().empty()) {
    if (request.sections_size() > 0) {
      violations.push_back({"prompt", "expected nothing beside `sections`, found a text"});
    }
    sections.push_back({0, {{request.prompt()}}});
    return sections;
  }
  for (const v1::PromptSection& from : request.sections()) {
    PromptSection& section = sections.emplace_back();
    section.start_seconds = from.start_seconds();
    for (const v1::WeightedPrompt& prompt : from.prompts()) {
      section.prompts.push_back({prompt.text(), prompt.has_weight() ? prompt.weight() : 1.0});
    }
  }
  return sections;
}

// The spec's 0 means that nothing is said, which on the wire is no field.
void ConvertTempo(double bpm, GenerationSpec& spec, Violations& violations) {
  spec.tempo_bpm = bpm;
  if (bpm == 0) violations.push_back({"tempo_bpm", "expected a number over 0, found 0"});
}

void ConvertGivenAudio(const v1::GivenAudio& from, const RequestLimits& limits, GivenAudio& to,
                       Violations& violations) {
  for (const v1::TimeRange& range : from.regenerate()) {
    to.regenerate.push_back({range.start_seconds(), range.end_seconds()});
  }
  if (static_cast<int64_t>(from.data().size()) > limits.max_given_audio_bytes) {
    violations.push_back(
        {"given_audio.data", absl::StrCat("expected at most ", limits.max_given_audio_bytes,
                                          " bytes, found ", from.data().size())});
    return;
  }
  auto audio = ReadAudioBytes(
      from.data(), "the file",
      {.max_seconds = limits.generation.max_duration_seconds, .max_channels = kMaxGivenChannels});
  if (!audio.ok()) {
    violations.push_back({"given_audio.data", std::string(audio.status().message())});
    return;
  }
  to.samples = std::move(audio->samples);
  to.sample_rate_hz = audio->sample_rate_hz;
}

void ConvertOutput(const v1::OutputOptions& from, int sample_rate_hz, GenerationRequest& to,
                   Violations& violations) {
  ConvertEnum(kFormats, from.format(), "output.format", to.format, violations);
  const double seconds = from.has_chunk_seconds() ? from.chunk_seconds() : kDefaultChunkSeconds;
  if (!(seconds >= kMinChunkSeconds && seconds <= kMaxChunkSeconds)) {
    violations.push_back(
        {"output.chunk_seconds", absl::StrCat("expected ", kMinChunkSeconds, " to ",
                                              kMaxChunkSeconds, " seconds, found ", seconds)});
    return;
  }
  to.chunk_samples = std::max<int64_t>(1, static_cast<int64_t>(seconds * sample_rate_hz));
}

// The request's name of a field of GenerationSpec; most are called the same.
std::string ProtoField(const v1::GenerateRequest& request, const std::string& field) {
  if (!request.prompt().empty() && absl::StartsWith(field, "sections[0]")) return "prompt";
  if (absl::StartsWith(field, "given_audio.s")) return "given_audio.data";
  return field;
}

}  // namespace

absl::StatusOr<GenerationRequest> ConvertRequest(const v1::GenerateRequest& request,
                                                 const ModelConfig& config,
                                                 const RequestLimits& limits, uint64_t fresh_seed) {
  GenerationRequest result;
  Violations violations;
  GenerationSpec& spec = result.spec;
  spec.sections = ConvertPrompts(request, violations);
  spec.negative_prompt = request.negative_prompt();
  if (request.has_tempo_bpm()) ConvertTempo(request.tempo_bpm(), spec, violations);
  if (request.has_duration_seconds()) spec.duration_seconds = request.duration_seconds();
  spec.seed = request.has_seed() ? request.seed() : fresh_seed;
  spec.sampling = config.sampling;
  ConvertSampling(request.sampling(), spec.sampling, violations);
  if (request.has_overlap()) spec.overlap = request.overlap();
  if (request.has_given_audio()) {
    ConvertGivenAudio(request.given_audio(), limits, spec.given_audio, violations);
  }
  ConvertOutput(request.output(), config.codec.sample_rate_hz, result, violations);
  ConvertEnum(kPriorities, request.priority(), "priority", result.priority, violations);
  result.wants_progress = !request.has_progress() || request.progress();
  const bool unreadable_audio = request.has_given_audio() && spec.given_audio.empty();
  for (SpecViolation& violation : FindViolations(spec, config, limits.generation)) {
    // Without the audio, what depends on it cannot be judged.
    if (unreadable_audio && absl::StartsWith(violation.field, "given_audio")) continue;
    violations.push_back({ProtoField(request, violation.field), std::move(violation.description)});
  }
  if (!violations.empty()) return MakeBadRequest(violations);
  return result;
}

v1::Model DescribeModel(const ModelConfig& config, const Arithmetic& arithmetic,
                        const RequestLimits& limits) {
  v1::Model model;
  model.set_name(config.name);
  model.set_version(config.version);
  model.set_description(config.description);
  model.set_license(config.license);
  model.set_sample_rate_hz(config.codec.sample_rate_hz);
  model.set_window_seconds(config.window_seconds());
  model.set_frame_rate_hz(config.codec.frame_rate_hz());
  model.set_num_codebooks(config.lm.num_codebooks);
  model.set_codebook_size(config.lm.card);
  v1::SamplingOptions& sampling = *model.mutable_default_sampling();
  sampling.set_greedy(config.sampling.greedy);
  sampling.set_temperature(config.sampling.temperature);
  sampling.set_anneal_temperature(config.sampling.anneal_temperature);
  sampling.set_later_temperature(config.sampling.later_temperature);
  sampling.set_top_p(config.sampling.top_p);
  sampling.set_top_k(config.sampling.top_k);
  sampling.set_guidance_max(config.sampling.guidance_max);
  sampling.set_guidance_min(config.sampling.guidance_min);
  sampling.set_later_guidance(config.sampling.later_guidance);
  sampling.set_neighbour_weight(config.sampling.neighbour_weight);
  for (int steps : config.sampling.decoding_steps) sampling.add_decoding_steps(steps);
  sampling.set_span_arrangement(WireEnum(kArrangements, config.sampling.span_arrangement));
  sampling.set_schedule(WireEnum(kSchedules, config.sampling.schedule));
  sampling.set_span_score(WireEnum(kScores, config.sampling.span_score));
  const TempoRange tempos = TemposOf(config);
  model.set_min_tempo_bpm(tempos.min_bpm);
  model.set_max_tempo_bpm(tempos.max_bpm);
  model.set_device(arithmetic.device);
  model.set_precision(arithmetic.precision);
  v1::Limits& wire_limits = *model.mutable_limits();
  wire_limits.set_max_duration_seconds(limits.generation.max_duration_seconds);
  wire_limits.set_max_prompt_bytes(limits.generation.max_prompt_bytes);
  wire_limits.set_max_prompts(limits.generation.max_prompts);
  wire_limits.set_max_sections(limits.generation.max_sections);
  wire_limits.set_max_total_steps(limits.generation.max_total_steps);
  wire_limits.set_max_given_audio_bytes(limits.max_given_audio_bytes);
  return model;
}

v1::AudioFormat ToProto(AudioFormat format) { return WireEnum(kFormats, format); }

}  // namespace magnet
