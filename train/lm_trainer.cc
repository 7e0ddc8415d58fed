#include "train/lm_trainer.h"

#include <c10/util/accumulate.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "train/annotations.h"
#include "train/hidden_matrices.h"
#include "train/masked_loss.h"
#include "train/span_neighbours.h"
#include "train/tensor_parts.h"
#include "train/zero_head.h"

namespace magnet {
namespace {

constexpr char kLmPrefix[] = "lm.";
constexpr char kTextPrefix[] = "text_encoder.";
constexpr char kFrameLabelPrefix[] = "frame_label_head.";
constexpr char kAveragePrefix[] = "average.";

// Changes whenever the same configuration would compute another step.
constexpr int kStepVersion = 5;

// Of the loss of the beat head beside the codes', each a mean: it keeps up with the texts.
constexpr double kBeatWeight = 0.5;

LmBatchOptions BatchOptions(const LmTrainingConfig& config,
                            const std::vector<LabelKind>& label_kinds) {
  return {.seed = static_cast<uint64_t>(config.run.seed),
          .max_text_tokens = config.max_text_tokens,
          .condition_dropout = config.condition_dropout,
          .beat_dropout = config.beat_dropout,
          .full_mask_chance = config.full_mask_chance,
          .captions = config.captions,
          .short_crops = config.short_crops,
          .stage_weights = config.stage_weights,
          .with_labels = config.annotation_weight > 0,
          .label_kinds = label_kinds};
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
                                                     BatchOptions(config_, parts_.label_kinds));
  if (validation_ != nullptr) {
    LmBatchOptions options = BatchOptions(config_, parts_.label_kinds);
    options.with_labels = false;  // what is validated is the codes
    validation_batches_ = std::make_unique<LmBatchMaker>(*validation_, parts_.tokenizer,
                                                         parts_.config.lm, std::move(options));
  }
  const LmConfig& lm = parts_.config.lm;
  const bool annotated = config_.annotation_weight > 0;
  if (config_.text_first.steps > 0 || config_.text_first.weight_after > 0) {
    text_heads_.emplace(lm, annotated ? &parts_.label_kinds : nullptr, device_.device);
  }
  if (annotated) {
    const auto classes = FrameLabelClasses(parts_.label_kinds);
    frame_label_head_ = ZeroHead(lm.dim, c10::sum_integers(classes), device_.device);
  }
  const TensorMap trained = Trained();
  const bool by_muon = config_.hidden_matrices == HiddenMatrices::kMuon;
  optimizer_ = std::make_unique<Optimizer>(
      trained, config_.optimizer,
      by_muon ? HiddenMatricesOf(trained, device_.bfloat16) : MuonParameters());
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
  if (config_.train_neighbours) {
    torch::Tensor tables = parts_.lm->neighbours();
    trained[absl::StrCat(kLmPrefix, kNeighboursName)] = tables.set_requires_grad(true);
  }
  for (const auto& [prefix, head] : Heads()) trained[prefix + "weight"] = head->weight;
  return trained;
}

std::vector<std::pair<std::string, Dense>> LmTrainer::Heads() const {
  std::vector<std::pair<std::string, Dense>> heads;
  if (text_heads_.has_value()) heads = text_heads_->Heads();
  if (frame_label_head_) heads.emplace_back(kFrameLabelPrefix, frame_label_head_);
  return heads;
}

int64_t LmTrainer::ItemsPerStep(int batch_size) const {
  return int64_t{config_.run.accumulation} * processes_.size() * batch_size;
}

std::vector<BatchPlace> LmTrainer::Places(int64_t step, int batch_size) const {
  std::vector<BatchPlace> places;
  for (int pass = 0; pass < config_.run.accumulation; ++pass) {
    const int64_t block = int64_t{pass} * processes_.size() + processes_.rank();
    places.push_back({.step = step,
                      .first_item = block * batch_size,
                      .pass = pass,
                      .items_per_step = ItemsPerStep(batch_size)});
  }
  return places;
}

absl::StatusOr<std::vector<LmBatch>> LmTrainer::DrawBatches(int64_t step) {
  std::vector<LmBatch> batches;
  for (const BatchPlace& place : Places(step, config_.run.batch_size)) {
    absl::StatusOr<LmBatch> batch = training_batches_->Training(place, config_.run.batch_size);
    if (!batch.ok()) return batch.status();
    batches.push_back(*std::move(batch));
  }
  return batches;
}

torch::Tensor LmTrainer::TextStates(const torch::Tensor& token_ids,
                                    const torch::Tensor& token_mask) {
  const torch::AutoGradMode gradients(config_.train_text_encoder && torch::GradMode::is_enabled());
  return parts_.text_encoder->forward(token_ids.to(device_.device), token_mask.to(device_.device));
}

TrainingOutput LmTrainer::Forward(const LmBatch& batch) {
  const AutocastGuard autocast(device_);
  const torch::Tensor seen = batch.token_mask.logical_and(batch.is_null.logical_not().unsqueeze(1));
  return parts_.lm->forward(
      {.codes = batch.input.to(device_.device),
       .ticks = batch.ticks.defined() ? batch.ticks.to(device_.device) : torch::Tensor(),
       .text_states = TextStates(batch.token_ids, batch.token_mask),
       .text_mask = seen.to(device_.device),
       .stage = batch.stage,
       .first_frames = batch.first_frames});
}

torch::Tensor LmTrainer::CodeLoss(const LmBatch& batch, torch::Tensor logits) {
  const torch::Tensor targets = batch.targets.to(device_.device);
  const torch::Tensor mask = batch.loss_mask.to(device_.device);
  const LmConfig& lm = parts_.config.lm;
  if (config_.train_neighbours && batch.stage < lm.neighbour_tables) {
    const torch::Tensor table = parts_.lm->neighbours()[batch.stage];
    logits = AddNeighbours(logits, table, targets, mask, batch.first_frames, lm.span_len);
  }
  return SummedCrossEntropy(logits, targets, mask);
}

torch::Tensor LmTrainer::LabelLoss(const torch::Tensor& middle, const torch::Tensor& labels) {
  const AutocastGuard autocast(device_);
  return SummedLabelLoss(frame_label_head_(middle), labels.to(device_.device),
                         FrameLabelClasses(parts_.label_kinds));
}

torch::Tensor LmTrainer::TextLoss(const TextBatch& batch) {
  const AutocastGuard autocast(device_);
  const torch::Tensor mask = batch.token_mask.to(device_.device);
  const torch::Tensor states = TextStates(batch.token_ids, batch.token_mask);
  const torch::Tensor loss = text_heads_->Loss(states, mask, batch);
  if (!batch.beat_labels.defined()) return loss;
  return loss + BeatLoss(parts_.lm->BeatLogits(states, mask), batch.beat_labels);
}

torch::Tensor LmTrainer::BeatLoss(const torch::Tensor& logits, const torch::Tensor& labels) {
  return SummedLabelLoss(logits, labels.to(device_.device),
                         BeatLabelClasses(*parts_.config.lm.beats));
}

absl::StatusOr<LmTrainer::PassSums> LmTrainer::AccumulateGradients(int64_t step) {
  optimizer_->ZeroGradients();
  const TextFirstConfig& first = config_.text_first;
  const bool texts_alone = step < first.steps;
  const int text_batch = texts_alone ? first.batch_size : first.batch_size_after;
  const double text_weight = texts_alone ? 1 : first.weight_after;
  absl::StatusOr<std::vector<LmBatch>> batches = std::vector<LmBatch>();
  if (!texts_alone) batches = DrawBatches(step);
  if (!batches.ok()) return batches.status();

  LossSums sums(parts_.config.lm.num_codebooks);
  for (const LmBatch& batch : *batches) {
    sums.Count(batch.stage, batch.num_masked);
    sums.Count(sums.annotations(), batch.num_labels);
    sums.Count(sums.beats(), batch.num_beat_labels);
  }
  if (text_weight > 0) sums.Count(sums.texts(), int64_t{config_.run.accumulation} * text_batch);
  absl::Status status = processes_.Sum({sums.entries()});
  if (!status.ok()) return status;

  PassSums result;
  for (const LmBatch& batch : *batches) AddLmGradients(batch, sums, result.clips);
  if (text_weight > 0) {
    status = AddTextGradients(step, text_batch, text_weight, sums, result.clips);
    if (!status.ok()) return status;
  }
  std::vector<torch::Tensor> shared = optimizer_->Gradients();
  shared.push_back(sums.losses());
  if (status = processes_.Sum(shared); !status.ok()) return status;

  result.metrics = sums.Means();
  result.loss = texts_alone ? result.metrics.at("loss_text") : sums.MeanOfCodes();
  result.items = ItemsPerStep(texts_alone ? text_batch : config_.run.batch_size);
  return result;
}

void LmTrainer::AddLmGradients(const LmBatch& batch, LossSums& sums, std::string& clips) {
  const TrainingOutput output = Forward(batch);
  torch::Tensor loss = CodeLoss(batch, output.logits);
  sums.Add(batch.stage, loss);
  loss = loss / sums.DivisorOfCodes();
  if (batch.num_labels > 0) {
    const torch::Tensor label_loss = LabelLoss(output.middle, batch.frame_labels);
    sums.Add(sums.annotations(), label_loss);
    loss = loss + config_.annotation_weight / sums.Divisor(sums.annotations()) * label_loss;
  }
  if (output.beats.defined()) {
    const torch::Tensor beat_loss = BeatLoss(output.beats, batch.beat_labels);
    sums.Add(sums.beats(), beat_loss);
    loss = loss + kBeatWeight / sums.Divisor(sums.beats()) * beat_loss;
  }
  loss.backward();
  absl::StrAppend(&clips, clips.empty() ? "" : "; ", "stage ", batch.stage, ": ",
                  absl::StrJoin(batch.locations, ", "));
}

absl::Status LmTrainer::AddTextGradients(int64_t step, int batch_size, double weight,
                                         LossSums& sums, std::string& clips) {
  for (const BatchPlace& place : Places(step, batch_size)) {
    const absl::StatusOr<TextBatch> batch = training_batches_->Texts(place, batch_size);
    if (!batch.ok()) return batch.status();
    const torch::Tensor loss = TextLoss(*batch);
    sums.Add(sums.texts(), loss);
    (weight / sums.Divisor(sums.texts()) * loss).backward();
    absl::StrAppend(&clips, clips.empty() ? "" : "; ",
                    "texts: ", absl::StrJoin(batch->locations, ", "));
  }
  return absl::OkStatus();
}

// The language model warms up too where the texts were first.
double LmTrainer::RateAt(int64_t step) const {
  const double rate = LearningRateAt(config_.optimizer, step, config_.run.total_steps);
  const int64_t since = step - config_.text_first.steps;
  const bool warms_up =
      config_.text_first.steps > 0 && since >= 0 && since < config_.optimizer.warmup_steps;
  if (!warms_up) return rate;
  return rate * static_cast<double>(since + 1) / config_.optimizer.warmup_steps;
}

absl::StatusOr<StepReport> LmTrainer::Step(int64_t step) {
  absl::StatusOr<PassSums> sums = AccumulateGradients(step);
  if (!sums.ok()) return sums.status();
  const auto not_finite = [&](const char* what, double value) {
    return absl::InternalError(
        absl::StrCat("step ", step + 1, ": the ", what, " is ", value, "; batch: ", sums->clips));
  };
  if (!std::isfinite(sums->loss)) return not_finite("loss", sums->loss);
  const double norm = optimizer_->ClipGradients();
  if (!std::isfinite(norm)) return not_finite("gradient's norm", norm);
  const double rate = RateAt(step);
  optimizer_->Update(rate);

  StepReport report{.loss = sums->loss, .items = sums->items, .metrics = std::move(sums->metrics)};
  report.metrics["loss"] = sums->loss;
  report.metrics["gradient_norm"] = norm;
  report.metrics["learning_rate"] = rate;
  return report;
}

absl::StatusOr<std::vector<torch::Tensor>> LmTrainer::GradientsOf(int64_t step) {
  if (auto sums = AccumulateGradients(step); !sums.ok()) return sums.status();
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
    loss += CodeLoss(*batch, Forward(*batch).logits).item<double>();
    num_frames += batch->num_masked;
  }
  return loss / static_cast<double>(std::max<int64_t>(num_frames, 1));
}

TensorMap LmTrainer::LmWeights(const TensorMap& weights) const {
  TensorMap lm = TensorsUnder(weights, kLmPrefix);
  return config_.train_neighbours ? lm : WithNeighboursOf(parts_.lm, std::move(lm));
}

TensorMap LmTrainer::State() const {
  TensorMap state = optimizer_->State();
  for (const auto& [name, tensor] : Trained()) state[name] = tensor;
  return state;
}

absl::Status LmTrainer::Restore(const TensorMap& state) {
  absl::Status status = LoadModule(LmWeights(state), "checkpoint", *parts_.lm);
  if (status.ok() && config_.train_text_encoder) {
    status = LoadModule(TensorsUnder(state, kTextPrefix), "checkpoint", *parts_.text_encoder);
  }
  for (auto& [prefix, head] : Heads()) {
    if (status.ok())
      status = LoadModule(TensorsUnder(state, prefix), "checkpoint, " + prefix, *head);
  }
  return status.ok() ? optimizer_->Restore(state) : status;
}

std::string LmTrainer::Fingerprint() const {
  const LmConfig& lm = parts_.config.lm;
  const TextEncoderConfig& text = parts_.config.text_encoder;
  std::string heads;
  for (const auto& [prefix, head] : Heads()) absl::StrAppend(&heads, ", ", prefix);
  for (const LabelKind& kind : parts_.label_kinds) {
    absl::StrAppend(&heads, ", ", kind.attribute, " of ", kind.values.size());
  }
  if (const auto& beats = lm.beats; beats.has_value()) {
    absl::StrAppend(&heads, ", beats ", beats->max_beats_per_bar, "x", beats->ticks_per_beat,
                    " of ", beats->min_frames_per_beat, "-", beats->max_frames_per_beat);
  }
  if (config_.hidden_matrices == HiddenMatrices::kMuon) absl::StrAppend(&heads, ", muon");
  if (config_.train_neighbours) {
    absl::StrAppend(&heads, ", ", lm.neighbour_tables, " neighbour tables trained");
  }
  return absl::StrCat("lm ", lm.num_layers, "x", lm.dim, "/", lm.ffn_dim, ", ", lm.num_codebooks,
                      "x", lm.card, ", window ", lm.window_frames, ", text ", text.num_layers, "x",
                      text.d_model, ", vocabulary ", text.vocab_size,
                      config_.train_text_encoder ? ", trained" : ", frozen", ", seed ",
                      config_.run.seed, heads, ", steps ", kStepVersion);
}

absl::Status LmTrainer::Export(const TensorMap& state, const std::string& readme,
                               const std::string& folder) const {
  const bool averaged = config_.optimizer.ema_decay > 0;
  TensorMap weights = state.empty() ? State() : state;
  if (averaged) weights = TensorsUnder(weights, kAveragePrefix);
  const TensorMap text = config_.train_text_encoder ? TensorsUnder(weights, kTextPrefix)
                                                    : ModuleTensors(*parts_.text_encoder);
  return WriteLmBundle(parts_, LmWeights(weights), text, readme, folder);
}

}  // namespace magnet
