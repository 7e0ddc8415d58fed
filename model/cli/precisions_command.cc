#include "model/cli/precisions_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "model/cli/clip_run.h"
#include "model/generator.h"
#include "model/precision.h"

namespace magnet {
namespace {

using Clock = std::chrono::steady_clock;

struct PrecisionsOptions {
  std::string model;
  std::vector<std::string> prompts = {"warm lo-fi beat, mellow electric piano",
                                      "fast rock with drums and a distorted guitar",
                                      "slow solo piano", "bright synth pop, driving bass"};
  double seconds = 10;
  int repeats = 3;
  int num_threads = 0;
  bool json = false;
};

struct Finding {
  Precision precision;
  std::vector<double> seconds{};  // of each repeat
  int64_t weight_bytes = 0;
  std::vector<std::vector<int64_t>> codes{};  // greedy, by prompt: [K * num_frames]
  int num_codebooks = 0;
};

GenerationSpec SpecOf(const PrecisionsOptions& options, const std::string& prompt,
                      const ModelConfig& config) {
  GenerationSpec spec;
  spec.sections = {{0.0, {{prompt, 1.0}}}};
  spec.duration_seconds = options.seconds;
  spec.seed = 1;
  spec.sampling = config.sampling;
  return spec;
}

// The most probable tokens, in one pass a codebook: the more passes, the more a first token that
// differs would make differ.
absl::StatusOr<std::vector<int64_t>> GreedyCodes(Generator& generator, GenerationSpec spec) {
  spec.sampling.greedy = true;
  for (int& steps : spec.sampling.decoding_steps) steps = 1;
  const auto generation = generator.Begin(spec);
  if (!generation.ok()) return generation.status();
  while (!(*generation)->progress().done()) {
    const absl::Status status = generator.Step({generation->get()})[0];
    if (!status.ok()) return status;
  }
  return (*generation)->codes();
}

absl::StatusOr<double> SecondsOfClip(Generator& generator, const GenerationSpec& spec) {
  const Clock::time_point begin = Clock::now();
  const auto generation = generator.Begin(spec);
  if (!generation.ok()) return generation.status();
  const auto samples = RunToTheEnd(generator, **generation, [](const GenerationProgress&) {});
  if (!samples.ok()) return samples.status();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Opened anew for every repeat, so that the weights of one precision alone lie in memory.
absl::Status Measure(const PrecisionsOptions& options, Finding& finding) {
  GeneratorOptions engine;
  engine.precision = finding.precision;
  engine.num_threads = options.num_threads;
  const auto generator = OpenGenerator(options.model, engine);
  if (!generator.ok()) return generator.status();
  const ModelConfig& config = (*generator)->config();
  finding.weight_bytes = (*generator)->memory_bytes();
  finding.num_codebooks = config.lm.num_codebooks;
  // Before the clip that is timed: a process's first passes take longer.
  if (finding.codes.empty()) {
    for (const std::string& prompt : options.prompts) {
      const auto codes = GreedyCodes(**generator, SpecOf(options, prompt, config));
      if (!codes.ok()) return codes.status();
      finding.codes.push_back(*codes);
    }
  }
  const auto seconds = SecondsOfClip(**generator, SpecOf(options, options.prompts.front(), config));
  if (!seconds.ok()) return seconds.status();
  finding.seconds.push_back(*seconds);
  return absl::OkStatus();
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// By codebook, the share of tokens that are the other's.
std::vector<double> SameTokens(const Finding& finding, const Finding& other) {
  std::vector<double> same(static_cast<size_t>(finding.num_codebooks));
  size_t count = 0;
  for (size_t prompt = 0; prompt < finding.codes.size(); ++prompt) {
    const size_t num_frames = finding.codes[prompt].size() / same.size();
    count += num_frames;
    for (size_t i = 0; i < finding.codes[prompt].size(); ++i) {
      same[i / num_frames] += finding.codes[prompt][i] == other.codes[prompt][i];
    }
  }
  for (double& share : same) share /= static_cast<double>(count);
  return same;
}

void PrintTable(const PrecisionsOptions& options, const std::vector<Finding>& findings) {
  std::cout << absl::StreamFormat(
      "%s: %g s of audio, medians of %d, in turns\n%-10s %9s %11s %9s   %s\n", options.model,
      options.seconds, options.repeats, "precision", "seconds", "of float32", "weights",
      "float32's tokens, by codebook");
  for (const Finding& finding : findings) {
    const double seconds = MedianOf(finding.seconds);
    std::cout << absl::StreamFormat("%-10s %9.3f %11.2f %6.0f MB  ", NameOf(finding.precision),
                                    seconds, seconds / MedianOf(findings.front().seconds),
                                    static_cast<double>(finding.weight_bytes) / 1e6);
    for (const double share : SameTokens(finding, findings.front())) {
      std::cout << absl::StreamFormat(" %5.1f %%", 100 * share);
    }
    std::cout << "\n";
  }
  std::cout << "auto takes " << NameOf(FastestOnCpu()) << " on this CPU\n";
}

void PrintJson(const PrecisionsOptions& options, const std::vector<Finding>& findings) {
  nlohmann::json report = {{"model", options.model},
                           {"audio_seconds", options.seconds},
                           {"auto", NameOf(FastestOnCpu())},
                           {"precisions", nlohmann::json::array()}};
  for (const Finding& finding : findings) {
    report["precisions"].push_back({{"precision", NameOf(finding.precision)},
                                    {"seconds", finding.seconds},
                                    {"weight_bytes", finding.weight_bytes},
                                    {"same_tokens", SameTokens(finding, findings.front())}});
  }
  std::cout << report.dump(2) << "\n";
}

absl::Status ComparePrecisions(const PrecisionsOptions& options) {
  std::vector<Finding> findings;
  for (const Precision precision : PrecisionsOfCpu()) findings.push_back({precision});
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (Finding& finding : findings) {
      if (const absl::Status status = Measure(options, finding); !status.ok()) return status;
    }
  }
  options.json ? PrintJson(options, findings) : PrintTable(options, findings);
  return absl::OkStatus();
}

}  // namespace

void AddPrecisionsCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<PrecisionsOptions>();
  CLI::App* command = app.add_subcommand(
      "precisions", "Time each --precision on this CPU, and count tokens that differ");
  command->add_option("-m,--model", options->model, "Bundle folder")->required();
  command->add_option("-p,--prompt", options->prompts,
                      "What to play; tokens are counted over all of them, the first one is timed "
                      "(default: four of different styles)");
  command->add_option("--seconds", options->seconds, "Length of the clips")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--repeats", options->repeats, "Timed clips, of which the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--threads", options->num_threads, "0: one per core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", options->json, "Instead of a table");
  command->callback([options, &status] { status = ComparePrecisions(*options); });
}

}  // namespace magnet
