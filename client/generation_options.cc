#include "client/generation_options.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/prompt_syntax.h"

namespace magnet::client {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::max();
constexpr double kInt32Max = std::numeric_limits<int32_t>::max();

struct FormatRow {
  const char* name;
  const char* extension;
  v1::AudioFormat format;
};

// The first row of a format gives its name and extension.
constexpr FormatRow kFormats[] = {
    {"wav", "wav", v1::AUDIO_FORMAT_WAV_S16}, {"wav-f32", "wav", v1::AUDIO_FORMAT_WAV_F32},
    {"flac", "flac", v1::AUDIO_FORMAT_FLAC},  {"opus", "opus", v1::AUDIO_FORMAT_OGG_OPUS},
    {"pcm", "pcm", v1::AUDIO_FORMAT_PCM_S16}, {"pcm-f32", "f32", v1::AUDIO_FORMAT_PCM_F32},
    {"", "ogg", v1::AUDIO_FORMAT_OGG_OPUS},   {"", "oga", v1::AUDIO_FORMAT_OGG_OPUS},
    {"", "raw", v1::AUDIO_FORMAT_PCM_S16},    {"", "wave", v1::AUDIO_FORMAT_WAV_S16},
};

const std::map<std::string, v1::SpanArrangement> kArrangements = {
    {"nonoverlap", v1::SPAN_ARRANGEMENT_NONOVERLAP}, {"stride1", v1::SPAN_ARRANGEMENT_STRIDE1}};
const std::map<std::string, v1::MaskSchedule> kSchedules = {
    {"linspace", v1::MASK_SCHEDULE_LINSPACE}, {"paper", v1::MASK_SCHEDULE_PAPER}};
const std::map<std::string, v1::SpanScore> kScores = {
    {"max", v1::SPAN_SCORE_MAX}, {"prod", v1::SPAN_SCORE_PROD}, {"random", v1::SPAN_SCORE_RANDOM}};
const std::map<std::string, v1::Priority> kPriorities = {
    {"low", v1::PRIORITY_LOW}, {"normal", v1::PRIORITY_NORMAL}, {"high", v1::PRIORITY_HIGH}};

template <typename Enum>
std::vector<std::string> Names(const std::map<std::string, Enum>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  return names;
}

absl::Status InOption(const std::string& option, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("--", option, ": ", status.message()));
}

absl::StatusOr<std::string> ReadAll(const std::string& option, const std::string& path,
                                    const Environment& environment) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(*environment.in), {});
  std::ifstream file(path, std::ios::binary);
  std::string contents(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad() || std::filesystem::is_directory(path)) {
    return absl::NotFoundError(absl::StrCat("--", option, ": cannot read \"", path, "\""));
  }
  return contents;
}

absl::Status ReadSampling(const ParsedOptions& options, v1::SamplingOptions* sampling) {
  if (options.Has("greedy")) sampling->set_greedy(true);
  if (options.Has("temperature")) sampling->set_temperature(options.Number("temperature"));
  if (options.Has("anneal")) sampling->set_anneal_temperature(options.Text("anneal") == "on");
  if (options.Has("later-temperature")) {
    sampling->set_later_temperature(options.Number("later-temperature"));
  }
  // Naming one way of cutting off turns the model's other one off.
  if (options.Has("top-p") || options.Has("top-k")) {
    sampling->set_top_p(options.Number("top-p"));
    sampling->set_top_k(static_cast<int32_t>(options.Integer("top-k")));
  }
  if (options.Has("guidance")) {
    const auto guidance = ParseGuidance(options.Text("guidance"));
    if (!guidance.ok()) return InOption("guidance", guidance.status());
    sampling->set_guidance_max(guidance->max);
    if (guidance->min) sampling->set_guidance_min(*guidance->min);
  }
  if (options.Has("later-guidance")) {
    sampling->set_later_guidance(options.Number("later-guidance"));
  }
  if (options.Has("steps")) {
    const auto steps = ParseSteps(options.Text("steps"));
    if (!steps.ok()) return InOption("steps", steps.status());
    sampling->mutable_decoding_steps()->Assign(steps->begin(), steps->end());
  }
  if (options.Has("arrangement")) {
    sampling->set_span_arrangement(kArrangements.at(options.Text("arrangement")));
  }
  if (options.Has("schedule")) sampling->set_schedule(kSchedules.at(options.Text("schedule")));
  if (options.Has("neighbour-weight")) {
    sampling->set_neighbour_weight(options.Number("neighbour-weight"));
  }
  if (options.Has("span-score")) sampling->set_span_score(kScores.at(options.Text("span-score")));
  return absl::OkStatus();
}

absl::Status CheckPromptSources(const ParsedOptions& options) {
  int sources = 0;
  std::string last;
  if (options.has_operand()) ++sources;
  for (const char* name : {"prompt-file", "mix", "section", "no-prompt"}) {
    if (options.Has(name)) ++sources;
  }
  if (sources == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      sources == 0 ? "what should the music be? give a PROMPT, --prompt-file, --mix, --section or "
                     "--no-prompt"
                   : "PROMPT, --prompt-file, --mix, --section and --no-prompt exclude each other");
}

absl::Status ReadPrompt(const ParsedOptions& options, const Environment& environment,
                        v1::GenerateRequest* request) {
  if (auto status = CheckPromptSources(options); !status.ok()) return status;
  if (options.has_operand() && options.operand() != "-") request->set_prompt(options.operand());
  if (options.Has("prompt-file") || options.operand() == "-") {
    auto text = ReadAll("prompt-file", options.Text("prompt-file", "-"), environment);
    if (!text.ok()) return text.status();
    request->set_prompt(std::string(absl::StripAsciiWhitespace(*text)));
  }
  if (!options.Has("no-prompt") && !options.Has("mix") && !options.Has("section") &&
      request->prompt().empty()) {
    return absl::InvalidArgumentError("the prompt is empty; --no-prompt generates without one");
  }
  for (const char* option : {"mix", "section"}) {
    for (const std::string& text : options.All(option)) {
      auto section = option == std::string("mix") ? ParseMix(text) : ParseSection(text);
      if (!section.ok()) return InOption(option, section.status());
      *request->add_sections() = *std::move(section);
    }
  }
  request->set_negative_prompt(options.Text("negative"));
  if (options.Has("tempo")) request->set_tempo_bpm(options.Number("tempo"));
  return absl::OkStatus();
}

absl::Status ReadGivenAudio(const ParsedOptions& options, const Environment& environment,
                            v1::GenerateRequest* request) {
  if (options.Has("continue-from") && options.Has("from")) {
    return absl::InvalidArgumentError("--continue-from and --from exclude each other");
  }
  if (options.Has("regenerate") != options.Has("from")) {
    return absl::InvalidArgumentError("--regenerate and --from belong together");
  }
  const std::string option = options.Has("from") ? "from" : "continue-from";
  if (!options.Has(option)) return absl::OkStatus();
  auto data = ReadAll(option, options.Text(option), environment);
  if (!data.ok()) return data.status();
  request->mutable_given_audio()->set_data(*std::move(data));
  for (const std::string& text : options.All("regenerate")) {
    const auto range = ParseRange(text);
    if (!range.ok()) return InOption("regenerate", range.status());
    *request->mutable_given_audio()->add_regenerate() = *range;
  }
  return absl::OkStatus();
}

}  // namespace

Option FormatOption() {
  Option option = {.name = "format",
                   .kind = ValueKind::kChoice,
                   .value_name = "FORMAT",
                   .help =
                       "wav (16 bit), wav-f32, flac, opus (in Ogg), pcm (16 bit) or pcm-f32. "
                       "Default: by the extension of --output, or else wav."};
  for (const FormatRow& row : kFormats) {
    if (*row.name != '\0') option.choices.push_back(row.name);
  }
  return option;
}

std::vector<OptionGroup> PromptOptionGroups() {
  return {
      {"Prompt",
       {
           {.name = "prompt-file",
            .kind = ValueKind::kFile,
            .value_name = "FILE",
            .help = "Read the prompt from FILE; \"-\" is standard input."},
           {.name = "mix",
            .kind = ValueKind::kText,
            .value_name = "MIX",
            .help = "Several texts that share the music by weight: \"piano*2 | rain\". A \\ before "
                    "| or * means the character."},
           {.name = "section",
            .kind = ValueKind::kText,
            .value_name = "START:MIX",
            .help = "Music that changes: \"0: piano\", then \"8: orchestra*2 | choir\". START is "
                    "in seconds. Repeat in rising order.",
            .repeated = true},
           {.name = "no-prompt", .help = "Generate without a text."},
           {.name = "negative",
            .kind = ValueKind::kText,
            .value_name = "TEXT",
            .help = "What the music should not be."},
       }},
      {"Given audio",
       {
           {.name = "continue-from",
            .kind = ValueKind::kFile,
            .value_name = "FILE",
            .help = "Keep this audio and generate what follows, up to --seconds in all."},
           {.name = "from",
            .kind = ValueKind::kFile,
            .value_name = "FILE",
            .help = "Keep this audio but for the parts of --regenerate."},
           {.name = "regenerate",
            .kind = ValueKind::kText,
            .value_name = "START-END",
            .help = "Make these seconds of --from anew: 2.0-4.5. May be repeated.",
            .repeated = true},
       }},
  };
}

std::vector<OptionGroup> SamplingOptionGroups() {
  return {
      {"Music",
       {
           {.name = "seconds",
            .short_name = 'd',
            .kind = ValueKind::kNumber,
            .value_name = "SECONDS",
            .help = "Length of the clip. Default: 10.",
            .min = 0,
            .max = kUnbounded,
            .min_is_open = true},
           {.name = "tempo",
            .kind = ValueKind::kNumber,
            .value_name = "BPM",
            .help =
                "Beats a minute; for models that have a range of them, see \"models\". Default: "
                "as the prompt says.",
            .min = 0,
            .max = kUnbounded,
            .min_is_open = true},
           {.name = "seed",
            .kind = ValueKind::kUnsigned,
            .value_name = "SEED",
            .help = "The same request with the same seed gives the same audio. Default: the server "
                    "chooses and the summary says."},
           {.name = "model",
            .short_name = 'm',
            .kind = ValueKind::kText,
            .value_name = "NAME",
            .help = "Model to use; see \"models\". Default: the server's first."},
           {.name = "priority",
            .kind = ValueKind::kChoice,
            .help = "Place in the server's queue. Default: normal.",
            .choices = Names(kPriorities)},
       }},
      {"Sampling (defaults are the model's)",
       {
           {.name = "greedy", .help = "Take the likeliest token instead of drawing one."},
           {.name = "temperature",
            .kind = ValueKind::kNumber,
            .value_name = "T",
            .help = "Over 1 bolder, under 1 safer.",
            .min = 0,
            .max = kUnbounded,
            .min_is_open = true},
           {.name = "anneal",
            .kind = ValueKind::kChoice,
            .help = "Whether the temperature falls while a stage is decoded.",
            .choices = {"on", "off"}},
           {.name = "later-temperature",
            .kind = ValueKind::kNumber,
            .value_name = "FACTOR",
            .help = "Times the temperature, in codebooks after the first: under 1 is less noise.",
            .min = 0.01,
            .max = 10},
           {.name = "top-p",
            .kind = ValueKind::kNumber,
            .value_name = "P",
            .help = "Draw from the likeliest tokens whose probabilities sum to P; 0 is off.",
            .min = 0,
            .max = 1},
           {.name = "top-k",
            .kind = ValueKind::kInteger,
            .value_name = "K",
            .help = "Draw from the K likeliest tokens; 0 is off.",
            .min = 0,
            .max = kInt32Max},
           {.name = "guidance",
            .short_name = 'g',
            .kind = ValueKind::kText,
            .value_name = "MAX[:MIN]",
            .help =
                "How strictly to follow the text, at the start and at the end of a stage: 10:1."},
           {.name = "later-guidance",
            .kind = ValueKind::kNumber,
            .value_name = "SHARE",
            .help = "Share of the guidance that codebooks after the first have; 0 is none, and "
                    "faster.",
            .min = 0,
            .max = 1},
           {.name = "steps",
            .kind = ValueKind::kText,
            .value_name = "N,N,...",
            .help = "Decoding steps of each codebook: 20,10,10,10. More is slower and better."},
           {.name = "arrangement",
            .kind = ValueKind::kChoice,
            .help = "Where masked spans may start.",
            .choices = Names(kArrangements)},
           {.name = "schedule",
            .kind = ValueKind::kChoice,
            .help = "How many tokens stay masked after each step.",
            .choices = Names(kSchedules)},
           {.name = "span-score",
            .kind = ValueKind::kChoice,
            .help = "Which spans become final first: the surest, or by the seed.",
            .choices = Names(kScores)},
           {.name = "neighbour-weight",
            .kind = ValueKind::kNumber,
            .value_name = "WEIGHT",
            .help = "How much the frame before counts inside a span, for models that know which "
                    "code follows which.",
            .min = 0,
            .max = 4},
           {.name = "overlap",
            .kind = ValueKind::kNumber,
            .value_name = "SHARE",
            .help = "Share of a window kept from the one before, in clips longer than a window. "
                    "From 0.05 to 0.9; default: 0.25.",
            .min = 0.05,
            .max = 0.9},
       }},
  };
}

absl::StatusOr<v1::GenerateRequest> ReadSamplingRequest(const ParsedOptions& options) {
  v1::GenerateRequest request;
  request.set_model(options.Text("model"));
  if (options.Has("seconds")) request.set_duration_seconds(options.Number("seconds"));
  if (options.Has("seed")) request.set_seed(options.Unsigned("seed"));
  if (options.Has("overlap")) request.set_overlap(options.Number("overlap"));
  if (options.Has("priority")) request.set_priority(kPriorities.at(options.Text("priority")));
  v1::SamplingOptions sampling;
  if (auto status = ReadSampling(options, &sampling); !status.ok()) return status;
  if (sampling.ByteSizeLong() > 0) *request.mutable_sampling() = sampling;
  return request;
}

absl::StatusOr<v1::GenerateRequest> ReadGenerateRequest(const ParsedOptions& options,
                                                        const Environment& environment) {
  absl::StatusOr<v1::GenerateRequest> request = ReadSamplingRequest(options);
  if (!request.ok()) return request;
  for (const auto read : {ReadPrompt, ReadGivenAudio}) {
    if (auto status = read(options, environment, &*request); !status.ok()) return status;
  }
  return request;
}

absl::StatusOr<v1::AudioFormat> ChooseFormat(const ParsedOptions& options,
                                             const std::string& path) {
  for (const FormatRow& row : kFormats) {
    if (options.Has("format") && options.Text("format") == row.name) return row.format;
  }
  const std::string dotted =
      absl::AsciiStrToLower(std::filesystem::path(path).extension().string());
  if (path == "-" || path.empty() || dotted.empty()) return v1::AUDIO_FORMAT_WAV_S16;
  for (const FormatRow& row : kFormats) {
    if (dotted.substr(1) == row.extension) return row.format;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--output: \"", dotted,
      "\" stands for no format; use .wav, .flac, .opus, .ogg, .pcm or .f32, or add --format"));
}

std::string FormatName(v1::AudioFormat format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row.name;
  }
  return "wav";
}

std::string FormatExtension(v1::AudioFormat format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row.extension;
  }
  return "wav";
}

}  // namespace magnet::client
