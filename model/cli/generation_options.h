// The options of `generate` that describe a clip, and the spec they make.
#ifndef MAGNET_MODEL_CLI_GENERATION_OPTIONS_H_
#define MAGNET_MODEL_CLI_GENERATION_OPTIONS_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generation_spec.h"
#include "model/model_config.h"

namespace magnet {

// What was typed; what was not is taken from the model's defaults.
struct GenerationOptions {
  std::vector<std::string> prompts;        // hold from the beginning
  std::vector<std::string> timed_prompts;  // SECONDS:TEXT each
  std::vector<double> weights;             // one per prompt, or none
  std::string negative_prompt;
  std::optional<double> tempo_bpm;
  std::optional<double> seconds;
  std::optional<uint64_t> seed;
  bool greedy = false;
  std::optional<double> temperature;
  bool no_temperature_annealing = false;
  std::optional<double> top_p;
  std::optional<int> top_k;
  std::vector<int> steps;
  std::vector<double> guidance;  // max,min
  std::optional<double> later_guidance;
  std::optional<double> later_temperature;
  std::optional<SpanArrangement> arrangement;
  std::optional<MaskSchedule> schedule;
  std::optional<SpanScore> span_score;
  std::optional<double> neighbour_weight;
  std::optional<double> overlap;
  std::string continue_from;
  std::string regenerate_from;
  std::vector<std::string> regenerate;  // START-END
};

// Adds the options to a command; `options` must outlive it.
void AddGenerationOptions(CLI::App& command, GenerationOptions& options);

// The spec for a model, given audio read from its file. A seed is drawn where
// none was typed. Errors name the option.
absl::StatusOr<GenerationSpec> MakeSpec(const GenerationOptions& options,
                                        const ModelConfig& config);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_GENERATION_OPTIONS_H_
