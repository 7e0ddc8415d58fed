#include "model/condition_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/magnet/packed_transformer.h"
#include "model/named_tempo.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

bool AllWeightsEqual(const std::vector<WeightedPrompt>& prompts) {
  return std::all_of(prompts.begin(), prompts.end(), [&](const WeightedPrompt& prompt) {
    return prompt.weight == prompts.front().weight;
  });
}

double LargestWeight(const std::vector<WeightedPrompt>& prompts) {
  double largest = 0;
  for (const WeightedPrompt& prompt : prompts) largest = std::max(largest, prompt.weight);
  return largest;
}

// Types of few bits tell weights apart by logarithms near 0 only. None is infinite:
// the attention of keys that all have minus infinity would be undefined.
double LogShare(double weight, double largest) {
  return std::log(std::max(weight / largest, std::numeric_limits<double>::min()));
}

}  // namespace

bool AllEmpty(const std::vector<WeightedPrompt>& prompts) {
  return std::all_of(prompts.begin(), prompts.end(),
                     [](const WeightedPrompt& prompt) { return prompt.text.empty(); });
}

absl::Status ConditionBuilder::Encode(const std::vector<WeightedPrompt>& prompts) {
  for (const WeightedPrompt& prompt : prompts) {
    if (prompt.text.empty()) continue;
    if (const auto states = text_->Encode(prompt.text); !states.ok()) return states.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<torch::Tensor> ConditionBuilder::Condition(const std::string& text) {
  const LmConfig& config = transformer_->config();
  if (text.empty()) {
    return torch::zeros({1, 1, config.dim},
                        torch::TensorOptions(transformer_->dtype()).device(transformer_->device()));
  }
  const auto states = text_->Encode(text);
  if (!states.ok()) return states.status();
  return transformer_->ProjectText(states->unsqueeze(0));
}

absl::StatusOr<std::optional<Beats>> ConditionBuilder::TellBeats(
    const std::vector<WeightedPrompt>& prompts) {
  const std::optional<BeatConfig>& config = transformer_->config().beats;
  if (!config.has_value()) return std::nullopt;
  const double largest = LargestWeight(prompts);
  torch::Tensor scores = torch::zeros({config->num_tempos() + config->max_beats_per_bar});
  for (const WeightedPrompt& prompt : prompts) {
    if (prompt.text.empty()) continue;
    const auto states = text_->Encode(prompt.text);
    if (!states.ok()) return states.status();
    const torch::Tensor text = states->unsqueeze(0);
    const torch::Tensor mask = torch::ones({1, text.size(1)}, text.options().dtype(torch::kBool));
    scores = scores + prompt.weight / largest * transformer_->BeatLogits(text, mask)[0].cpu();
  }
  const int tempos = config->num_tempos();
  Beats beats{.frames_per_beat =
                  config->min_frames_per_beat + scores.narrow(0, 0, tempos).argmax().item<int>(),
              .beats_per_bar =
                  1 + scores.narrow(0, tempos, config->max_beats_per_bar).argmax().item<int>()};
  beats.frames_per_beat = NamedFramesPerBeat(prompts).value_or(beats.frames_per_beat);
  return beats;
}

std::optional<int> ConditionBuilder::NamedFramesPerBeat(
    const std::vector<WeightedPrompt>& prompts) const {
  const BeatConfig& config = *transformer_->config().beats;
  std::optional<int> named;
  double weight = 0;
  for (const WeightedPrompt& prompt : prompts) {
    const std::optional<double> bpm = NamedTempo(prompt.text);
    if (!bpm.has_value() || prompt.weight <= weight) continue;
    const double frames = 60 * frame_rate_hz_ / *bpm;  // of 0 bpm: infinite, which no model plays
    if (frames < config.min_frames_per_beat || frames > config.max_frames_per_beat) continue;
    named = static_cast<int>(std::lround(frames));
    weight = prompt.weight;
  }
  return named;
}

absl::StatusOr<std::shared_ptr<const ConditionKv>> ConditionBuilder::Build(
    const std::vector<WeightedPrompt>& prompts) {
  if (AllEmpty(prompts)) return nullptr;
  std::shared_ptr<const ConditionKv> built;
  const absl::Status status = CatchTorchErrors("text conditions", [&]() -> absl::Status {
    const double largest = LargestWeight(prompts);
    std::vector<torch::Tensor> conditions, biases;
    for (const WeightedPrompt& prompt : prompts) {
      const auto condition = Condition(prompt.text);
      if (!condition.ok()) return condition.status();
      conditions.push_back(*condition);
      biases.push_back(
          torch::full({condition->size(1)}, LogShare(prompt.weight, largest),
                      torch::TensorOptions(torch::kFloat).device(condition->device())));
    }
    const torch::Tensor bias = AllWeightsEqual(prompts) ? torch::Tensor() : torch::cat(biases);
    ConditionKv prepared = transformer_->PrepareCondition(torch::cat(conditions, /*dim=*/1), bias);
    if (packed_) PackCondition(prepared, bias);
    if (const auto beats = TellBeats(prompts); beats.ok()) {
      prepared.beats = *beats;
    } else {
      return beats.status();
    }
    built = std::make_shared<ConditionKv>(std::move(prepared));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return built;
}

}  // namespace magnet
