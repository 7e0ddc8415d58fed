#include "model/generation_spec.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/model_config.h"
#include "model/utf8.h"

namespace magnet {
namespace {

constexpr double kMinOverlap = 0.05;
constexpr double kMaxOverlap = 0.9;
constexpr int kMinSampleRateHz = 1'000;
constexpr int kMaxSampleRateHz = 384'000;
// Positions in seconds come from frame and sample counts by division.
constexpr double kRoundingSeconds = 1e-6;

class Violations {
 public:
  template <typename... Parts>
  void Add(std::string field, const Parts&... description) {
    found_.push_back({std::move(field), absl::StrCat(description...)});
  }

  // NaN is in no range.
  template <typename N>
  void ExpectRange(std::string field, N value, N min, N max) {
    if (value >= min && value <= max) return;
    Add(std::move(field), "expected ", min, " to ", max, ", found ", value);
  }

  void Append(std::vector<SpecViolation> others) {
    std::move(others.begin(), others.end(), std::back_inserter(found_));
  }

  size_t size() const { return found_.size(); }
  std::vector<SpecViolation> Take() { return std::move(found_); }

 private:
  std::vector<SpecViolation> found_;
};

void CheckText(const std::string& field, const std::string& text, const GenerationLimits& limits,
               Violations& out) {
  if (text.size() > static_cast<size_t>(std::max(limits.max_prompt_bytes, 0))) {
    out.Add(field, "expected at most ", limits.max_prompt_bytes, " bytes, found ", text.size());
  } else if (!IsUtf8(text)) {
    out.Add(field, "expected UTF-8");
  }
}

void CheckPrompts(const std::string& section, const std::vector<WeightedPrompt>& prompts,
                  const GenerationLimits& limits, Violations& out) {
  if (prompts.empty()) out.Add(section + ".prompts", "expected at least one prompt");
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::string field = absl::StrCat(section, ".prompts[", i, "]");
    CheckText(field + ".text", prompts[i].text, limits, out);
    const double weight = prompts[i].weight;
    if (!(weight > 0 && std::isfinite(weight))) {
      out.Add(field + ".weight", "expected a finite number over 0, found ", weight);
    }
  }
  const double sum =
      std::accumulate(prompts.begin(), prompts.end(), 0.0,
                      [](double s, const WeightedPrompt& p) { return s + p.weight; });
  const bool each_is_finite = std::all_of(prompts.begin(), prompts.end(), [](const auto& prompt) {
    return std::isfinite(prompt.weight);
  });
  if (each_is_finite && !std::isfinite(sum)) {
    out.Add(section + ".prompts", "expected weights with a finite sum");
  }
}

void CheckSections(const GenerationSpec& spec, const GenerationLimits& limits, Violations& out) {
  const auto& sections = spec.sections;
  if (sections.size() > static_cast<size_t>(std::max(limits.max_sections, 0))) {
    out.Add("sections", "expected at most ", limits.max_sections, " sections, found ",
            sections.size());
    return;
  }
  size_t num_prompts = 0;
  for (const PromptSection& section : sections) num_prompts += section.prompts.size();
  if (num_prompts > static_cast<size_t>(std::max(limits.max_prompts, 0))) {
    out.Add("sections", "expected at most ", limits.max_prompts, " prompts in all, found ",
            num_prompts);
    return;
  }
  for (size_t i = 0; i < sections.size(); ++i) {
    const std::string field = absl::StrCat("sections[", i, "]");
    const double start = sections[i].start_seconds;
    if (!std::isfinite(start)) {
      out.Add(field + ".start_seconds", "expected a finite number, found ", start);
    } else if (i == 0 && start != 0) {
      out.Add(field + ".start_seconds", "expected 0 for the first section, found ", start);
    } else if (i > 0 && !(start > sections[i - 1].start_seconds)) {
      out.Add(field + ".start_seconds", "expected more than the section before (",
              sections[i - 1].start_seconds, "), found ", start);
    } else if (i > 0 && start >= spec.duration_seconds) {
      out.Add(field + ".start_seconds", "expected less than duration_seconds (",
              spec.duration_seconds, "), found ", start);
    }
    CheckPrompts(field, sections[i].prompts, limits, out);
  }
}

void CheckTempo(const GenerationSpec& spec, const ModelConfig& config, Violations& out) {
  if (spec.tempo_bpm == 0) return;
  const TempoRange range = TemposOf(config);
  if (range.max_bpm == 0) {
    out.Add("tempo_bpm", "expected none: the model ", config.name,
            " is told its tempo by the text alone, found ", spec.tempo_bpm);
  } else if (!spec.given_audio.empty() || !spec.given_codes.empty()) {
    out.Add("tempo_bpm", "expected none beside given audio, whose beats are not known, found ",
            spec.tempo_bpm);
  } else if (!config.lm.beats->FramesPerBeat(spec.tempo_bpm, config.codec.frame_rate_hz())) {
    out.Add("tempo_bpm", "expected ", range.min_bpm, " to ", range.max_bpm, ", found ",
            spec.tempo_bpm);
  }
}

void CheckDuration(const GenerationSpec& spec, const ModelConfig& config,
                   const GenerationLimits& limits, Violations& out) {
  const double rate = config.codec.frame_rate_hz();
  if (spec.duration_seconds >= 0 && spec.duration_seconds <= limits.max_duration_seconds &&
      NumFrames(spec.duration_seconds, rate) >= config.lm.span_len) {
    return;
  }
  out.Add("duration_seconds", "expected ", config.lm.span_len / rate, " to ",
          limits.max_duration_seconds, " seconds, found ", spec.duration_seconds);
}

void CheckRegenerate(const std::string& given, const std::vector<TimeRange>& ranges,
                     double given_seconds, int64_t clip_frames, double frame_rate_hz,
                     Violations& out) {
  // More ranges than this could only touch the same frames again and again.
  constexpr size_t kMaxRanges = 1'000;
  if (ranges.size() > kMaxRanges) {
    out.Add(given + ".regenerate", "expected at most ", kMaxRanges, " ranges, found ",
            ranges.size());
    return;
  }
  const double end = std::min(given_seconds, clip_frames / frame_rate_hz);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const TimeRange& range = ranges[i];
    const std::string field = absl::StrCat(given, ".regenerate[", i, "]");
    // Division and product round apart: the frame decides.
    if (!(range.start_seconds >= 0 && range.start_seconds < end &&
          FrameAt(range.start_seconds, frame_rate_hz) < clip_frames)) {
      out.Add(field + ".start_seconds",
              "expected at least 0 and less than the end of the given part in the clip's ",
              clip_frames, " frames (", end, "), found ", range.start_seconds);
    } else if (!(range.end_seconds > range.start_seconds &&
                 range.end_seconds <= given_seconds + kRoundingSeconds)) {
      out.Add(field + ".end_seconds", "expected more than start_seconds (", range.start_seconds,
              ") and at most the length of the given part (", given_seconds, "), found ",
              range.end_seconds);
    }
  }
}

// What holds for given audio and given codes alike. `given_frames` counts a
// begun frame.
void CheckGivenPart(const std::string& given, double given_seconds, int64_t given_frames,
                    const std::vector<TimeRange>& regenerate, const GenerationSpec& spec,
                    const ModelConfig& config, Violations& out) {
  const double rate = config.codec.frame_rate_hz();
  const int64_t num_frames = NumFrames(spec.duration_seconds, rate);
  if (given_frames > num_frames + 1) {
    out.Add("duration_seconds", "expected at least the length of ", given, " (", given_seconds,
            " seconds), found ", spec.duration_seconds);
    return;
  }
  const int64_t clip_frames =
      WholeSpans(num_frames, spec.sampling.span_arrangement, config.lm.span_len);
  CheckRegenerate(given, regenerate, given_seconds, clip_frames, rate, out);
  if (regenerate.empty() && given_frames >= clip_frames) {
    out.Add("duration_seconds", "expected more than the length of ", given, " (", given_seconds,
            " seconds) where nothing of it is to be regenerated, found ", spec.duration_seconds);
  }
}

void CheckGivenAudio(const GenerationSpec& spec, const ModelConfig& config, bool duration_is_valid,
                     Violations& out) {
  const GivenAudio& audio = spec.given_audio;
  if (audio.empty()) {
    if (!audio.regenerate.empty()) {
      out.Add("given_audio.regenerate", "expected no ranges where no audio is given");
    }
    return;
  }
  const size_t num_violations = out.size();
  const auto bad = std::find_if_not(audio.samples.begin(), audio.samples.end(),
                                    [](float sample) { return std::isfinite(sample); });
  if (bad != audio.samples.end()) {
    const auto index = bad - audio.samples.begin();
    out.Add(absl::StrCat("given_audio.samples[", index, "]"), "expected a finite number, found ",
            *bad);
  }
  out.ExpectRange("given_audio.sample_rate_hz", audio.sample_rate_hz, kMinSampleRateHz,
                  kMaxSampleRateHz);
  if (out.size() > num_violations || !duration_is_valid) return;
  const double seconds = static_cast<double>(audio.samples.size()) / audio.sample_rate_hz;
  const double frames = seconds * config.codec.frame_rate_hz();
  if (frames < 1) {
    out.Add("given_audio.samples", "expected at least one frame of the codec (",
            1 / config.codec.frame_rate_hz(), " seconds), found ", seconds, " seconds");
    return;
  }
  const auto begun_frames = static_cast<int64_t>(std::ceil(frames - 1e-6));
  CheckGivenPart("given_audio", seconds, begun_frames, audio.regenerate, spec, config, out);
}

void CheckGivenCodes(const GenerationSpec& spec, const ModelConfig& config, bool duration_is_valid,
                     Violations& out) {
  const GivenCodes& given = spec.given_codes;
  if (given.empty()) {
    if (given.num_frames != 0) {
      out.Add("given_codes.num_frames", "expected 0 where no codes are given, found ",
              given.num_frames);
    }
    if (!given.regenerate.empty()) {
      out.Add("given_codes.regenerate", "expected no ranges where no codes are given");
    }
    return;
  }
  if (!spec.given_audio.empty()) {
    out.Add("given_codes", "expected given_audio or given_codes, found both");
  }
  const int num_codebooks = config.lm.num_codebooks;
  if (given.num_frames < 1 ||
      given.codes.size() != static_cast<uint64_t>(given.num_frames) * num_codebooks) {
    out.Add("given_codes.codes", "expected ", num_codebooks, " codebooks of num_frames (",
            given.num_frames, ") codes, found ", given.codes.size(), " codes");
    return;
  }
  for (size_t i = 0; i < given.codes.size(); ++i) {
    if (given.codes[i] >= 0 && given.codes[i] < config.lm.card) continue;
    out.Add(absl::StrCat("given_codes.codes[", i, "]"), "expected 0 to ", config.lm.card - 1,
            ", found ", given.codes[i]);
    return;
  }
  if (!duration_is_valid) return;
  const double seconds = given.num_frames / config.codec.frame_rate_hz();
  CheckGivenPart("given_codes", seconds, given.num_frames, given.regenerate, spec, config, out);
}

}  // namespace

int64_t NumFrames(double duration_seconds, double frame_rate_hz) {
  return std::llround(duration_seconds * frame_rate_hz);
}

int64_t WholeSpans(int64_t num_frames, SpanArrangement arrangement, int span_len) {
  if (arrangement == SpanArrangement::kStride1) return num_frames;
  return num_frames - num_frames % span_len;
}

TempoRange TemposOf(const ModelConfig& config) {
  const std::optional<BeatConfig>& beats = config.lm.beats;
  if (!beats.has_value()) return {};
  const double frames_a_minute = 60 * config.codec.frame_rate_hz();
  return {.min_bpm = frames_a_minute / beats->max_frames_per_beat,
          .max_bpm = frames_a_minute / beats->min_frames_per_beat};
}

int64_t FrameAt(double seconds, double frame_rate_hz) {
  return static_cast<int64_t>(std::floor(seconds * frame_rate_hz));
}

std::vector<SpecViolation> FindSamplingViolations(const SamplingSpec& sampling, int num_codebooks,
                                                  int card, int neighbour_tables,
                                                  int max_total_steps) {
  Violations out;
  out.ExpectRange("sampling.temperature", sampling.temperature, kMinTemperature, kMaxTemperature);
  out.ExpectRange("sampling.later_temperature", sampling.later_temperature, kMinLaterTemperature,
                  kMaxLaterTemperature);
  out.ExpectRange("sampling.top_p", sampling.top_p, 0.0, 1.0);
  out.ExpectRange("sampling.top_k", sampling.top_k, 0, card);
  out.ExpectRange("sampling.guidance_max", sampling.guidance_max, 0.0, kMaxGuidance);
  out.ExpectRange("sampling.guidance_min", sampling.guidance_min, 0.0, kMaxGuidance);
  out.ExpectRange("sampling.later_guidance", sampling.later_guidance, 0.0, 1.0);
  const auto& steps = sampling.decoding_steps;
  if (steps.size() != static_cast<size_t>(num_codebooks)) {
    out.Add("sampling.decoding_steps", "expected one number for each of ", num_codebooks,
            " codebooks, found ", steps.size());
    return out.Take();
  }
  const size_t num_violations = out.size();
  for (size_t i = 0; i < steps.size(); ++i) {
    out.ExpectRange(absl::StrCat("sampling.decoding_steps[", i, "]"), steps[i], 1, max_total_steps);
  }
  const int64_t total = std::accumulate(steps.begin(), steps.end(), int64_t{0});
  if (out.size() == num_violations && total > max_total_steps) {
    out.Add("sampling.decoding_steps", "expected a sum of at most ", max_total_steps, ", found ",
            total);
  }
  if (neighbour_tables == 0 && sampling.neighbour_weight != 0) {
    out.Add("sampling.neighbour_weight",
            "expected 0, as this model has no neighbour tables, found ", sampling.neighbour_weight);
  } else {
    out.ExpectRange("sampling.neighbour_weight", sampling.neighbour_weight, 0.0,
                    kMaxNeighbourWeight);
  }
  return out.Take();
}

std::vector<SpecViolation> FindViolations(const GenerationSpec& spec, const ModelConfig& config,
                                          const GenerationLimits& limits) {
  Violations out;
  CheckSections(spec, limits, out);
  CheckText("negative_prompt", spec.negative_prompt, limits, out);
  CheckTempo(spec, config, out);
  const size_t before_duration = out.size();
  CheckDuration(spec, config, limits, out);
  const bool duration_is_valid = out.size() == before_duration;
  out.Append(FindSamplingViolations(spec.sampling, config.lm.num_codebooks, config.lm.card,
                                    config.lm.neighbour_tables, limits.max_total_steps));
  out.ExpectRange("overlap", spec.overlap, kMinOverlap, kMaxOverlap);
  CheckGivenAudio(spec, config, duration_is_valid, out);
  CheckGivenCodes(spec, config, duration_is_valid, out);
  return out.Take();
}

}  // namespace magnet
