#include "train/lm_trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "train/masked_loss.h"

namespace magnet {
namespace {

constexpr char kLmPrefix[] = "lm.";
constexpr char kTextPrefix[] = "text_encoder.";
constexpr char kAveragePrefix[] = "average.";

LmBatchOptions BatchOptions(const LmTrainingConfig& config) {
  return {.seed = static_cast<uint64_t>(config.run.seed),
          .max_text_tokens = config.max_text_tokens,
          .condition_dropout = config.condition_dropout,
          .captions = config.captions,
          .short_crops = config.short_crops,
          .stage_weights = config.stage_weights};
}

// The tensors whose names begin with `prefix`, without it.
TensorMap Part(const TensorMap& tensors, const std::string& prefix) {
  TensorMap part;
  for (const auto& [name, tensor] : tensors) {
    if (absl::StartsWith(name, prefix)) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

}  // namespace

LmTrainer::LmTrainer(const LmTrainingConfig& config, LmParts parts, const CodeSet& training,
                     const CodeSet* validation, const TrainingDevice& device,
                     ProcessGroup& processes)
    : config_(config),
      parts_(std::move(parts)),
      validation_(validation),
      device_(device),
      processes_(processes) {
  parts_.lm->to(device_.device);
  parts_.text_encoder->to(device_.device);
  training_batches_ = std::make_unique<LmBatchMaker>(training, parts_.tokenizer, parts_.config.lm,
                                                     BatchOptions(config_));
  if (validation_ != nullptr) {
    validation_batches_ = std::make_unique<LmBatchMaker>(*validation_, parts_.tokenizer,
                                                         parts_.config.lm, BatchOptions(config_));
  }
  optimizer_ = std::make_unique<Optimizer>(Trained(), config_.optimizer);
}

TensorMap LmTrainer::Trained() const {
  TensorMap trained;
  for (const auto& item : parts_.lm->named_parameters()) {
    trained[kLmPrefix + item.key()] = item.value();
  }
  for (auto& item : parts_.text_encoder->named_parameters()) {
    item.value().set_requires_grad(config_.train_text_encoder);
    if (config_.train_text_encoder) trained[kTextPrefix + item.key()] = item.value();
  }
  return trained;
}

absl::StatusOr<std::vector<LmBatch>> LmTrainer::DrawBatches(int64_t step) {
  const RunConfig& run = config_.run;
  std::vector<LmBatch> batches;
  for (int pass = 0; pass < run.accumulation; ++pass) {
    const int64_t block = static_cast<int64_t>(pass) * processes_.size() + processes_.rank();
    const BatchPlace place{.step = step,
                           .first_item = block * run.batch_size,
                           .pass = pass,
                           .items_per_step = static_cast<int64_t>(run.accumulation) *
                                             processes_.size() * run.batch_size};
    absl::StatusOr<LmBatch> batch = training_batches_->Training(place, run.batch_size);
    if (!batch.ok()) return batch.status();
    batches.push_back(*std::move(batch));
  }
  return batches;
}

torch::Tensor LmTrainer::TextStates(const LmBatch& batch) {
  const torch::AutoGradMode gradients(config_.train_text_encoder && torch::GradMode::is_enabled());
  return parts_.text_encoder->forward(batch.token_ids.to(device_.device),
                                      batch.token_mask.to(device_.device));
}

torch::Tensor LmTrainer::Logits(const LmBatch& batch) {
  const AutocastGuard autocast(device_);
  const torch::Tensor seen = batch.token_mask.logical_and(batch.is_null.logical_not().unsqueeze(1));
  return parts_.lm->forward(batch.input.to(device_.device), TextStates(batch),
                            seen.to(device_.device), batch.stage);
}

absl::StatusOr<LmTrainer::LossSums> LmTrainer::AccumulateGradients(
    const std::vector<LmBatch>& batches) {
  const int num_stages = parts_.config.lm.num_codebooks;
  torch::Tensor sums = torch::zeros({2, num_stages});  // loss, frames that count
  for (const LmBatch& batch : batches) sums[1][batch.stage] += batch.num_masked;
  const torch::Tensor frames = sums[1];
  if (absl::Status status = processes_.Sum({frames}); !status.ok()) return status;
  const double num_frames = std::max(frames.sum().item<double>(), 1.0);

  optimizer_->ZeroGradients();
  for (const LmBatch& batch : batches) {
    const torch::Tensor loss = SummedCrossEntropy(Logits(batch), batch.targets.to(device_.device),
                                                  batch.loss_mask.to(device_.device));
    sums[0][batch.stage] += loss.item<float>();
    (loss / num_frames).backward();
  }
  std::vector<torch::Tensor> shared = optimizer_->Gradients();
  shared.push_back(sums[0]);
  if (absl::Status status = processes_.Sum(shared); !status.ok()) return status;

  LossSums result{.loss = sums[0].sum().item<double>() / num_frames};
  for (int k = 0; k < num_stages; ++k) {
    result.stage_loss.push_back(sums[0][k].item<double>());
    result.stage_frames.push_back(sums[1][k].item<double>());
  }
  return result;
}

absl::Status LmTrainer::NotFinite(int64_t step, const char* what, double value,
                                  const std::vector<LmBatch>& batches) const {
  std::string clips;
  for (const LmBatch& batch : batches) {
    absl::StrAppend(&clips, clips.empty() ? "" : "; ", "stage ", batch.stage, ": ",
                    absl::StrJoin(batch.locations, ", "));
  }
  return absl::InternalError(
      absl::StrCat("step ", step + 1, ": the ", what, " is ", value, "; batch: ", clips));
}

absl::StatusOr<StepReport> LmTrainer::Step(int64_t step) {
  absl::StatusOr<std::vector<LmBatch>> batches = DrawBatches(step);
  if (!batches.ok()) return batches.status();
  absl::StatusOr<LossSums> sums = AccumulateGradients(*batches);
  if (!sums.ok()) return sums.status();
  if (!std::isfinite(sums->loss)) return NotFinite(step, "loss", sums->loss, *batches);
  const double norm = optimizer_->ClipGradients();
  if (!std::isfinite(norm)) return NotFinite(step, "gradient's norm", norm, *batches);
  const double rate = LearningRateAt(config_.optimizer, step, config_.run.total_steps);
  optimizer_->Update(rate);

  StepReport report;
  report.loss = sums->loss;
  report.items =
      static_cast<int64_t>(config_.run.batch_size) * config_.run.accumulation * processes_.size();
  report.metrics = {{"loss", sums->loss}, {"gradient_norm", norm}, {"learning_rate", rate}};
  for (size_t k = 0; k < sums->stage_loss.size(); ++k) {
    if (sums->stage_frames[k] == 0) continue;
    report.metrics[absl::StrCat("loss_stage", k)] = sums->stage_loss[k] / sums->stage_frames[k];
  }
  return report;
}

absl::StatusOr<std::vector<torch::Tensor>> LmTrainer::GradientsOf(int64_t step) {
  absl::StatusOr<std::vector<LmBatch>> batches = DrawBatches(step);
  if (!batches.ok()) return batches.status();
  if (auto sums = AccumulateGradients(*batches); !sums.ok()) return sums.status();
  return optimizer_->Gradients();
}

absl::StatusOr<Metrics> LmTrainer::Validate() {
  Metrics metrics;
  if (validation_ == nullptr) return metrics;
  const torch::NoGradGuard no_grad;
  optimizer_->SwapAverages();
  absl::Status status;
  double sum = 0;
  const int num_stages = parts_.config.lm.num_codebooks;
  for (int stage = 0; stage < num_stages && status.ok(); ++stage) {
    const absl::StatusOr<double> loss = ValidationLoss(stage);
    if (loss.ok()) metrics[absl::StrCat("validation_loss_stage", stage)] = *loss;
    sum += loss.value_or(0);
    status = loss.status();
  }
  optimizer_->SwapAverages();
  if (!status.ok()) return status;
  metrics["validation_loss"] = sum / num_stages;
  return metrics;
}

absl::StatusOr<double> LmTrainer::ValidationLoss(int stage) {
  const int64_t num_items = std::min<int64_t>(config_.run.validation_items, validation_->size());
  double loss = 0;
  int64_t num_frames = 0;
  for (int64_t first = 0; first < num_items; first += config_.run.batch_size) {
    const int64_t count = std::min<int64_t>(config_.run.batch_size, num_items - first);
    absl::StatusOr<LmBatch> batch = validation_batches_->Validation(first, count, stage);
    if (!batch.ok()) return batch.status();
    loss += SummedCrossEntropy(Logits(*batch), batch->targets.to(device_.device),
                               batch->loss_mask.to(device_.device))
                .item<double>();
    num_frames += batch->num_masked;
  }
  return loss / static_cast<double>(std::max<int64_t>(num_frames, 1));
}

TensorMap LmTrainer::State() const {
  TensorMap state = optimizer_->State();
  for (const auto& [name, tensor] : Trained()) state[name] = tensor;
  return state;
}

absl::Status LmTrainer::Restore(const TensorMap& state) {
  absl::Status status = LoadModule(Part(state, kLmPrefix), "checkpoint", *parts_.lm);
  if (status.ok() && config_.train_text_encoder) {
    status = LoadModule(Part(state, kTextPrefix), "checkpoint", *parts_.text_encoder);
  }
  return status.ok() ? optimizer_->Restore(state) : status;
}

std::string LmTrainer::Fingerprint() const {
  const LmConfig& lm = parts_.config.lm;
  const TextEncoderConfig& text = parts_.config.text_encoder;
  return absl::StrCat("lm ", lm.num_layers, "x", lm.dim, "/", lm.ffn_dim, ", ", lm.num_codebooks,
                      "x", lm.card, ", window ", lm.window_frames, ", text ", text.num_layers, "x",
                      text.d_model, ", vocabulary ", text.vocab_size,
                      config_.train_text_encoder ? ", trained" : ", frozen", ", seed ",
                      config_.run.seed);
}

absl::Status LmTrainer::Export(const TensorMap& state, const std::string& readme,
                               const std::string& folder) const {
  const bool averaged = config_.optimizer.ema_decay > 0;
  TensorMap weights = state.empty() ? State() : state;
  if (averaged) weights = Part(weights, kAveragePrefix);
  const TensorMap text =
      config_.train_text_encoder ? Part(weights, kTextPrefix) : ModuleTensors(*parts_.text_encoder);
  return WriteLmBundle(parts_, Part(weights, kLmPrefix), text, readme, folder);
}

}  // namespace magnet
