#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "train/muon.h"

namespace magnet {
namespace {

// The tensors of one group as AdamW's fused kernel takes them.
struct Group {
  std::vector<torch::Tensor> parameters, gradients, first, second, steps;
};

}  // namespace

double LearningRateAt(const OptimizerConfig& config, int64_t step, int64_t total_steps) {
  if (step < config.warmup_steps) {
    return config.learning_rate * static_cast<double>(step + 1) / config.warmup_steps;
  }
  const double span = std::max<double>(static_cast<double>(total_steps - config.warmup_steps), 1);
  const double done = std::min((step - config.warmup_steps) / span, 1.0);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * cosine);
}

Optimizer::Optimizer(const TensorMap& parameters, const OptimizerConfig& config,
                     MuonParameters muon)
    : config_(config), muon_(std::move(muon)) {
  for (const auto& [name, parameter] : parameters) {
    names_.push_back(name);
    parameters_.push_back(parameter);
    first_moments_.push_back(torch::zeros_like(parameter));
    second_moments_.push_back(muon_.counts.contains(name) ? torch::Tensor()
                                                          : torch::zeros_like(parameter));
    averages_[name] = config.ema_decay > 0 ? parameter.detach().clone() : parameter.detach();
  }
  num_updates_ = torch::zeros({}, torch::kFloat);
}

void Optimizer::ZeroGradients() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

std::vector<torch::Tensor> Optimizer::Gradients() {
  std::vector<torch::Tensor> gradients;
  for (torch::Tensor& parameter : parameters_) {
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
    gradients.push_back(parameter.grad());
  }
  return gradients;
}

double Optimizer::ClipGradients() {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> gradients = Gradients();
  const double norm = torch::stack(at::_foreach_norm(gradients)).norm().item<double>();
  if (config_.clip_norm > 0 && norm > config_.clip_norm) {
    at::_foreach_mul_(gradients, config_.clip_norm / (norm + 1e-6));
  }
  return norm;
}

void Optimizer::Update(double learning_rate) {
  const torch::NoGradGuard no_grad;
  num_updates_ += 1;
  const std::vector<torch::Tensor> gradients = Gradients();
  UpdateMatrices(gradients, learning_rate);
  UpdateOthers(gradients, learning_rate);
  UpdateAverages();
}

void Optimizer::UpdateMatrices(const std::vector<torch::Tensor>& gradients, double learning_rate) {
  std::vector<MuonMatrix> matrices;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!ByMuon(i)) continue;
    matrices.push_back(
        {parameters_[i], gradients[i], first_moments_[i], muon_.counts.at(names_[i])});
  }
  UpdateByMuon(matrices, {learning_rate, config_.weight_decay, muon_.type});
}

void Optimizer::UpdateOthers(const std::vector<torch::Tensor>& gradients, double learning_rate) {
  Group decayed, plain;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (ByMuon(i)) continue;
    Group& group = parameters_[i].dim() > 1 ? decayed : plain;
    group.parameters.push_back(parameters_[i]);
    group.gradients.push_back(gradients[i]);
    group.first.push_back(first_moments_[i]);
    group.second.push_back(second_moments_[i]);
    group.steps.push_back(num_updates_.to(parameters_[i].device()));
  }
  for (const Group* group : {&decayed, &plain}) {
    if (group->parameters.empty()) continue;
    at::_fused_adamw_(group->parameters, group->gradients, group->first, group->second,
                      /*max_exp_avg_sqs=*/{}, group->steps, learning_rate, config_.beta1,
                      config_.beta2, group == &decayed ? config_.weight_decay : 0.0,
                      config_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

void Optimizer::UpdateAverages() {
  if (config_.ema_decay <= 0) return;
  const double n = num_updates_.item<double>();
  const double decay = std::min(config_.ema_decay, (1 + n) / (10 + n));
  std::vector<torch::Tensor> averages;
  for (auto& [name, average] : averages_) averages.push_back(average);
  at::_foreach_lerp_(averages, parameters_, 1 - decay);
}

void Optimizer::SwapAverages() {
  if (config_.ema_decay <= 0) return;
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < names_.size(); ++i) {
    torch::Tensor& average = averages_[names_[i]];
    const torch::Tensor value = parameters_[i].detach().clone();
    parameters_[i].copy_(average);
    average.copy_(value);
  }
}

TensorMap Optimizer::State() const {
  TensorMap state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state["first_moment." + names_[i]] = first_moments_[i];
    if (!ByMuon(i)) state["second_moment." + names_[i]] = second_moments_[i];
    if (config_.ema_decay > 0) state["average." + names_[i]] = averages_.at(names_[i]);
  }
  state["num_updates"] = num_updates_;
  return state;
}

absl::Status Optimizer::Restore(const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  std::string problems;
  const TensorMap wanted = State();
  for (const auto& [name, tensor] : wanted) {
    const auto found = state.find(name);
    if (found == state.end()) {
      absl::StrAppend(&problems, "\n  ", name, ": missing");
    } else if (found->second.sizes() != tensor.sizes()) {
      absl::StrAppend(&problems, "\n  ", name, ": expected ", c10::str(tensor.sizes()), ", found ",
                      c10::str(found->second.sizes()));
    }
  }
  if (!problems.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("optimizer state does not fit:", problems));
  }
  for (const auto& [name, tensor] : wanted) torch::Tensor(tensor).copy_(state.at(name));
  return absl::OkStatus();
}

}  // namespace magnet
