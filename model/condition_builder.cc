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

absl::StatusOr<std::vector<torch::Tensor>> ConditionBuilder::TextStates(
    const std::vector<WeightedPrompt>& prompts) {
  std::vector<torch::Tensor> texts;
  for (const WeightedPrompt& prompt : prompts) {
    torch::Tensor& text = texts.emplace_back();
    if (prompt.text.empty()) continue;
    const auto states = text_->Encode(prompt.text);
    if (!states.ok()) return states.status();
    text = states->unsqueeze(0);
  }
  return texts;
}

torch::Tensor ConditionBuilder::Condition(const torch::Tensor& text) {
  if (text.defined()) return transformer_->ProjectText(text);
  return torch::zeros({1, 1, transformer_->config().dim},
                      torch::TensorOptions(transformer_->dtype()).device(transformer_->device()));
}

std::optional<Beats> ConditionBuilder::TellBeats(const std::vector<WeightedPrompt>& prompts,
                                                 const std::vector<torch::Tensor>& texts) {
  const std::optional<BeatConfig>& config = transformer_->config().beats;
  if (!config.has_value()) return std::nullopt;
  const double largest = LargestWeight(prompts);
  const int tempos = config->num_tempos(), places = config->max_beats_per_bar;
  torch::Tensor scores = torch::zeros({tempos + places});
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (!texts[i].defined()) continue;
    const torch::Tensor mask =
        torch::ones({1, texts[i].size(1)}, texts[i].options().dtype(torch::kBool));
    scores =
        scores + prompts[i].weight / largest * transformer_->BeatLogits(texts[i], mask)[0].cpu();
  }
  const int likeliest =
      config->min_frames_per_beat + scores.narrow(0, 0, tempos).argmax().item<int>();
  return Beats{.frames_per_beat = NamedFramesPerBeat(prompts).value_or(likeliest),
               .beats_per_bar = 1 + scores.narrow(0, tempos, places).argmax().item<int>()};
}

std::optional<int> ConditionBuilder::NamedFramesPerBeat(
    const std::vector<WeightedPrompt>& prompts) const {
  const BeatConfig& config = *transformer_->config().beats;
  std::optional<int> named;
  double weight = 0;
  for (const WeightedPrompt& prompt : prompts) {
    const std::optional<double> bpm = NamedTempo(prompt.text);
    if (!bpm.has_value() || prompt.weight <= weight) continue;
    const std::optional<int> frames = config.FramesPerBeat(*bpm, frame_rate_hz_);
    if (!frames.has_value()) continue;
    named = frames;
    weight = prompt.weight;
  }
  return named;
}

absl::StatusOr<std::shared_ptr<const ConditionKv>> ConditionBuilder::Build(
    const std::vector<WeightedPrompt>& prompts) {
  if (AllEmpty(prompts)) return nullptr;
  std::shared_ptr<const ConditionKv> built;
  const absl::Status status = CatchTorchErrors("text conditions", [&]() -> absl::Status {
    const auto texts = TextStates(prompts);
    if (!texts.ok()) return texts.status();
    const double largest = LargestWeight(prompts);
    std::vector<torch::Tensor> conditions, biases;
    for (size_t i = 0; i < prompts.size(); ++i) {
      conditions.push_back(Condition((*texts)[i]));
      biases.push_back(
          torch::full({conditions.back().size(1)}, LogShare(prompts[i].weight, largest),
                      torch::TensorOptions(torch::kFloat).device(conditions.back().device())));
    }
    const torch::Tensor bias = AllWeightsEqual(prompts) ? torch::Tensor() : torch::cat(biases);
    ConditionKv prepared = transformer_->PrepareCondition(torch::cat(conditions, /*dim=*/1), bias);
    if (packed_) PackCondition(prepared, bias);
    prepared.beats = TellBeats(prompts, *texts);
    built = std::make_shared<ConditionKv>(std::move(prepared));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return built;
}

}  // namespace magnet
