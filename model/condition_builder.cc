#include "model/condition_builder.h"

#include <algorithm>
#include <cmath>

#include "model/magnet/packed_transformer.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

bool AllEmpty(const std::vector<WeightedPrompt>& prompts) {
  return std::all_of(prompts.begin(), prompts.end(),
                     [](const WeightedPrompt& prompt) { return prompt.text.empty(); });
}

bool AllWeightsEqual(const std::vector<WeightedPrompt>& prompts) {
  return std::all_of(prompts.begin(), prompts.end(), [&](const WeightedPrompt& prompt) {
    return prompt.weight == prompts.front().weight;
  });
}

}  // namespace

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

absl::StatusOr<std::shared_ptr<const ConditionKv>> ConditionBuilder::Build(
    const std::vector<WeightedPrompt>& prompts) {
  if (AllEmpty(prompts)) return nullptr;
  std::shared_ptr<const ConditionKv> built;
  const absl::Status status = CatchTorchErrors("text conditions", [&]() -> absl::Status {
    std::vector<torch::Tensor> conditions, biases;
    for (const WeightedPrompt& prompt : prompts) {
      const auto condition = Condition(prompt.text);
      if (!condition.ok()) return condition.status();
      conditions.push_back(*condition);
      biases.push_back(
          torch::full({condition->size(1)}, std::log(prompt.weight),
                      torch::TensorOptions(torch::kFloat).device(condition->device())));
    }
    const torch::Tensor bias = AllWeightsEqual(prompts) ? torch::Tensor() : torch::cat(biases);
    ConditionKv prepared = transformer_->PrepareCondition(torch::cat(conditions, /*dim=*/1), bias);
    if (packed_) PackCondition(prepared, bias);
    built = std::make_shared<ConditionKv>(std::move(prepared));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return built;
}

}  // namespace magnet
