#include "model/cli/generation_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/audio/audio_file.h"

namespace magnet {
namespace {

const std::map<std::string, SpanArrangement> kArrangements = {
    {"nonoverlap", SpanArrangement::kNonoverlap}, {"stride1", SpanArrangement::kStride1}};
const std::map<std::string, MaskSchedule> kSchedules = {{"linspace", MaskSchedule::kLinspace},
                                                        {"paper", MaskSchedule::kPaper}};
const std::map<std::string, SpanScore> kSpanScores = {
    {"max", SpanScore::kMax}, {"prod", SpanScore::kProd}, {"random", SpanScore::kRandom}};

absl::StatusOr<std::vector<PromptSection>> ReadSections(const GenerationOptions& options) {
  if (!options.weights.empty() && options.weights.size() != options.prompts.size()) {
    return absl::InvalidArgumentError(absl::StrCat("--weights: expected one for each of the ",
                                                   options.prompts.size(), " prompts, found ",
                                                   options.weights.size()));
  }
  std::vector<PromptSection> sections;
  if (!options.prompts.empty()) sections.emplace_back();
  for (size_t i = 0; i < options.prompts.size(); ++i) {
    const double weight = options.weights.empty() ? 1.0 : options.weights[i];
    sections[0].prompts.push_back({options.prompts[i], weight});
  }
  for (const std::string& timed : options.timed_prompts) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(timed, absl::MaxSplits(':', 1));
    double start = 0;
    if (!absl::SimpleAtod(parts.first, &start)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--prompt-at: expected SECONDS:TEXT, found \"", timed, "\""));
    }
    sections.push_back({start, {{parts.second, 1.0}}});
  }
  return sections;
}

absl::StatusOr<TimeRange> ReadRange(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  TimeRange range;
  if (parts.size() == 2 && absl::SimpleAtod(parts[0], &range.start_seconds) &&
      absl::SimpleAtod(parts[1], &range.end_seconds)) {
    return range;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--regenerate: expected START-END in seconds, found \"", text, "\""));
}

SamplingSpec ReadSampling(const GenerationOptions& options, const SamplingSpec& defaults) {
  SamplingSpec sampling = defaults;
  sampling.greedy |= options.greedy;
  sampling.temperature = options.temperature.value_or(sampling.temperature);
  sampling.anneal_temperature &= !options.no_temperature_annealing;
  sampling.later_temperature = options.later_temperature.value_or(sampling.later_temperature);
  // One cut replaces the other: top-p would win over a top-k that was asked for.
  if (options.top_k) sampling.top_p = 0;
  sampling.top_p = options.top_p.value_or(sampling.top_p);
  sampling.top_k = options.top_k.value_or(sampling.top_k);
  if (!options.steps.empty()) sampling.decoding_steps = options.steps;
  if (options.guidance.size() == 2) {
    sampling.guidance_max = options.guidance[0];
    sampling.guidance_min = options.guidance[1];
  }
  sampling.later_guidance = options.later_guidance.value_or(sampling.later_guidance);
  sampling.span_arrangement = options.arrangement.value_or(sampling.span_arrangement);
  sampling.schedule = options.schedule.value_or(sampling.schedule);
  sampling.span_score = options.span_score.value_or(sampling.span_score);
  sampling.neighbour_weight = options.neighbour_weight.value_or(sampling.neighbour_weight);
  return sampling;
}

absl::Status ReadGivenAudio(const GenerationOptions& options, GenerationSpec& spec) {
  const std::string& path =
      options.continue_from.empty() ? options.regenerate_from : options.continue_from;
  if (path.empty()) {
    if (options.regenerate.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("--regenerate: needs the audio, as --from FILE");
  }
  auto audio = ReadAudioFile(path);
  if (!audio.ok()) return audio.status();
  if (!options.seconds && options.continue_from.empty()) spec.duration_seconds = audio->seconds();
  spec.given_audio.samples = std::move(audio->samples);
  spec.given_audio.sample_rate_hz = audio->sample_rate_hz;
  for (const std::string& text : options.regenerate) {
    const auto range = ReadRange(text);
    if (!range.ok()) return range.status();
    spec.given_audio.regenerate.push_back(*range);
  }
  return absl::OkStatus();
}

uint64_t DrawSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

void AddGenerationOptions(CLI::App& command, GenerationOptions& o) {
  command.add_option("-p,--prompt", o.prompts, "What to play; repeat it to mix several")
      ->allow_extra_args(false);
  command.add_option("--weights", o.weights, "Shares of the prompts, e.g. 2,1")->delimiter(',');
  command
      .add_option("--prompt-at", o.timed_prompts,
                  "SECONDS:TEXT, the prompt from there on; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--negative-prompt", o.negative_prompt, "What to steer away from");
  command
      .add_option("--tempo", o.tempo_bpm,
                  "Beats a minute, for models that are told them (default: as the prompt says)")
      ->check(CLI::PositiveNumber);
  command.add_option("--seconds", o.seconds,
                     "Length of the clip, given audio included (default 10, or as --from)");
  command.add_option("--seed", o.seed, "Same seed, same music (default: drawn and printed)");
  auto* greedy = command.add_flag("--greedy", o.greedy, "Always the most probable token");
  command.add_option("--temperature", o.temperature, "Of the first step")->excludes(greedy);
  command.add_flag("--no-temperature-annealing", o.no_temperature_annealing,
                   "Keep the temperature over the steps of a stage");
  command
      .add_option("--later-temperature", o.later_temperature,
                  "Times the temperature, after the first codebook, 0.01 to 10")
      ->excludes(greedy);
  command.add_option("--top-p", o.top_p, "Share of the probability kept; 0: off")->excludes(greedy);
  command.add_option("--top-k", o.top_k, "Tokens kept instead of a share")->excludes(greedy);
  command.add_option("--steps", o.steps, "Forward passes per codebook, e.g. 20,10,10,10")
      ->delimiter(',');
  command.add_option("--guidance", o.guidance, "MAX,MIN: how strongly the prompt steers")
      ->delimiter(',')
      ->expected(2);
  command.add_option("--later-guidance", o.later_guidance,
                     "Share of it after the first codebook, 0 to 1; 0: none, and faster");
  command.add_option("--span-arrangement", o.arrangement, "Where masked spans may begin")
      ->transform(CLI::CheckedTransformer(kArrangements, CLI::ignore_case));
  command.add_option("--schedule", o.schedule, "How the mask rate falls")
      ->transform(CLI::CheckedTransformer(kSchedules, CLI::ignore_case));
  command
      .add_option("--span-score", o.span_score,
                  "Which spans become final first: the surest, or by the seed")
      ->transform(CLI::CheckedTransformer(kSpanScores, CLI::ignore_case));
  command.add_option("--neighbour-weight", o.neighbour_weight,
                     "How much the frame before counts inside a span, 0 to 4, for models that know "
                     "which code follows which");
  command.add_option("--overlap", o.overlap, "Share of a window kept by the next (default 0.25)");
  auto* from = command.add_option("--from", o.regenerate_from, "Audio to regenerate parts of")
                   ->check(CLI::ExistingFile);
  command.add_option("--continue-from", o.continue_from, "Audio that the clip begins with")
      ->check(CLI::ExistingFile)
      ->excludes(from);
  command
      .add_option("--regenerate", o.regenerate, "START-END in seconds of --from; may be repeated")
      ->allow_extra_args(false);
}

absl::StatusOr<GenerationSpec> MakeSpec(const GenerationOptions& options,
                                        const ModelConfig& config) {
  GenerationSpec spec;
  auto sections = ReadSections(options);
  if (!sections.ok()) return sections.status();
  spec.sections = *std::move(sections);
  spec.negative_prompt = options.negative_prompt;
  spec.tempo_bpm = options.tempo_bpm.value_or(0);
  spec.duration_seconds = options.seconds.value_or(spec.duration_seconds);
  spec.seed = options.seed ? *options.seed : DrawSeed();
  spec.sampling = ReadSampling(options, config.sampling);
  spec.overlap = options.overlap.value_or(spec.overlap);
  if (absl::Status status = ReadGivenAudio(options, spec); !status.ok()) return status;
  return spec;
}

}  // namespace magnet
