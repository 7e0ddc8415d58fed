#include "train/codec_trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "train/tensor_parts.h"

namespace magnet {
namespace {

constexpr char kCodecPrefix[] = "codec.";
constexpr char kDiscriminatorPrefix[] = "discriminator.";
constexpr char kDiscriminatorStatePrefix[] = "discriminator_optimizer.";
constexpr char kCodebooksPrefix[] = "codebooks.";
constexpr char kSpectralPrefix[] = "spectral_target.";

// latent [B, D, T] -> vectors [B T, D].
torch::Tensor AsVectors(const torch::Tensor& latent) {
  return latent.transpose(1, 2).flatten(0, 1).to(torch::kFloat);
}

torch::Tensor AsLatent(const torch::Tensor& vectors, int64_t batch_size) {
  return vectors.view({batch_size, -1, vectors.size(1)}).transpose(1, 2);
}

OptimizerConfig WithoutAverages(OptimizerConfig config) {
  config.ema_decay = 0;
  return config;
}

}  // namespace

CodecTrainer::CodecTrainer(const CodecTrainingConfig& config, EncodecModel codec,
                           const AudioPool& training, const AudioPool* validation,
                           const RegeneratedClips* regenerated, const TrainingDevice& device,
                           ProcessGroup& processes)
    : config_(config),
      codec_(std::move(codec)),
      training_(training),
      validation_(validation),
      regenerated_(regenerated),
      device_(device),
      processes_(processes),
      crop_samples_(CropFrames(config) * config.codec.hop_length()),
      mel_loss_(config.codec.sample_rate_hz, config.mel_windows, config.mel_bands, device.device),
      quantizing_(!config.start_from.empty()) {
  codec_->to(device_.device);
  codebooks_ = std::make_unique<CodebookTrainer>(
      codec_->quantizer(),
      CodebookOptions{config.codebook_decay, config.dead_code_share, config.spectral.dims},
      processes_);
  if (config.spectral.dims > 0) {
    spectral_target_.emplace(config.codec.sample_rate_hz, config.codec.hop_length(),
                             config.spectral.dims, device_.device);
    quantizing_ = quantizing_ && codec_->quantizer()->centroids(0).ne(0).any().item<bool>();
  }
  // Averaged weights would no longer fit the codebooks.
  optimizer_ = std::make_unique<Optimizer>(Trained(), WithoutAverages(config_.optimizer));
  const bool adversarial =
      std::any_of(config_.phases.begin(), config_.phases.end(),
                  [](const CodecPhase& phase) { return phase.adversarial_weight > 0; });
  if (!adversarial) return;
  discriminator_ = StftDiscriminator();
  discriminator_->to(device_.device);
  TensorMap parameters;
  for (const auto& item : discriminator_->named_parameters()) parameters[item.key()] = item.value();
  discriminator_optimizer_ =
      std::make_unique<Optimizer>(parameters, WithoutAverages(config_.optimizer));
}

int64_t CodecTrainer::CropFrames(const CodecTrainingConfig& config) {
  return std::max<int64_t>(std::llround(config.crop_seconds * config.codec.frame_rate_hz()), 1);
}

TensorMap CodecTrainer::Trained() const {
  TensorMap trained;
  for (const auto& item : codec_->named_parameters()) {
    if (config_.decoder_only && !absl::StartsWith(item.key(), "decoder.")) continue;
    trained[item.key()] = item.value();
  }
  return trained;
}

CodecTrainer::PhaseAt CodecTrainer::PhaseOf(int64_t step) const {
  PhaseAt at{&config_.phases.front(), 0};
  for (const CodecPhase& phase : config_.phases) {
    at.phase = &phase;
    if (step < at.begin + phase.steps) return at;
    at.begin += phase.steps;
  }
  at.begin -= at.phase->steps;  // after the end: the last phase goes on
  return at;
}

int CodecTrainer::num_regenerated() const {
  if (regenerated_ == nullptr) return 0;
  const int batch_size = config_.run.batch_size;
  return std::clamp(static_cast<int>(std::lround(config_.regenerated.share * batch_size)), 1,
                    batch_size - 1);
}

DrawStream CodecTrainer::ItemDraws(DrawPurpose purpose, int64_t step, int index) const {
  const int64_t item = static_cast<int64_t>(processes_.rank()) * config_.run.batch_size + index;
  return {static_cast<uint64_t>(config_.run.seed), purpose, static_cast<uint64_t>(step),
          static_cast<uint32_t>(item)};
}

torch::Tensor CodecTrainer::DrawWaves(int64_t step, DrawPurpose purpose, int count) const {
  std::vector<torch::Tensor> waves;
  for (int i = 0; i < count; ++i) {
    DrawStream draws = ItemDraws(purpose, step, i);
    waves.push_back(training_.Crop(crop_samples_, draws));
  }
  return torch::stack(waves).to(device_.device);
}

CodecTrainer::Regenerated CodecTrainer::DrawRegenerated(int64_t step) {
  std::vector<torch::Tensor> codes, waves;
  for (int i = 0; i < num_regenerated(); ++i) {
    DrawStream draws = ItemDraws(DrawPurpose::kRegenerated, step, i);
    RegeneratedClips::Crop crop = regenerated_->Draw(draws);
    codes.push_back(std::move(crop.codes));
    waves.push_back(std::move(crop.wave));
  }
  if (codes.empty()) return {};
  const torch::NoGradGuard no_grad;
  return {codec_->quantizer()->Decode(torch::stack(codes).to(device_.device)),
          torch::stack(waves).to(device_.device)};
}

std::vector<torch::Tensor> CodecTrainer::DrawForCentroids() const {
  const int64_t frames = config_.run.batch_size * crop_samples_ / config_.codec.hop_length();
  const int64_t wanted = std::max(config_.kmeans_frames, config_.codec.codebook_size);
  std::vector<torch::Tensor> waves;
  for (int64_t draw = 0; draw * frames < wanted; ++draw) {
    // Steps above 2^40 are no training steps.
    waves.push_back(
        DrawWaves((int64_t{1} << 40) + draw, DrawPurpose::kCentroid, config_.run.batch_size));
  }
  return waves;
}

absl::Status CodecTrainer::FitSpectralTarget() {
  spectral_target_->Fit(DrawForCentroids());
  std::vector<torch::Tensor> shared;
  for (auto& [name, tensor] : spectral_target_->State()) shared.push_back(tensor);
  return processes_.Broadcast(shared);
}

absl::Status CodecTrainer::InitializeCodebooks(int64_t step) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> vectors;
  for (const torch::Tensor& waves : DrawForCentroids()) {
    const AutocastGuard autocast(device_);
    vectors.push_back(AsVectors(codec_->encoder()->forward(waves.unsqueeze(1))));
  }
  DrawStream draws(static_cast<uint64_t>(config_.run.seed), DrawPurpose::kCentroid,
                   static_cast<uint64_t>(step), /*item=*/0);
  const int count = config_.start_from.empty() ? codec_->quantizer()->num_codebooks() : 1;
  codebooks_->Initialize(torch::cat(vectors), count, config_.kmeans_iterations, draws);
  std::vector<torch::Tensor> shared;
  for (auto& [name, tensor] : codebooks_->State()) shared.push_back(tensor);
  for (int k = 0; k < codec_->quantizer()->num_codebooks(); ++k) {
    shared.push_back(codec_->quantizer()->centroids(k));
  }
  return processes_.Broadcast(shared);
}

torch::Tensor CodecTrainer::Encode(const torch::Tensor& target, bool quantized, Losses& losses) {
  const torch::AutoGradMode gradients(!config_.decoder_only);
  torch::Tensor latent = codec_->encoder()->forward(target.unsqueeze(1)).to(torch::kFloat);
  if (spectral_target_) {
    const int64_t dims = config_.spectral.dims, others = latent.size(1) - dims;
    losses.spectral = latent.narrow(1, others, dims);
    // The waveform would teach them phase again.
    latent = torch::cat({latent.narrow(1, 0, others), losses.spectral.detach()}, 1);
  }
  if (!quantized) return latent;
  losses.quantization = codebooks_->Quantize(AsVectors(latent));
  // Straight through: the decoder sees centroids, the encoder its gradient.
  return latent + (AsLatent(losses.quantization.quantized, target.size(0)) - latent).detach();
}

CodecTrainer::Losses CodecTrainer::Forward(const torch::Tensor& target,
                                           const Regenerated& regenerated,
                                           const CodecPhase& phase) {
  Losses losses;
  torch::Tensor decoded;
  {
    const AutocastGuard autocast(device_);
    torch::Tensor latent = Encode(target, phase.quantized, losses);
    if (regenerated.count() > 0) latent = torch::cat({latent, regenerated.latent});
    decoded = codec_->decoder()->forward(latent);
  }
  const torch::Tensor& commitment = losses.quantization.commitment;
  const torch::Tensor waves = decoded.squeeze(1).narrow(1, 0, target.size(1)).to(torch::kFloat);
  losses.wave = waves.narrow(0, 0, target.size(0));
  const torch::Tensor waveform = (losses.wave - target).abs().mean();
  const torch::Tensor mel = mel_loss_(losses.wave, target);
  losses.total = phase.waveform_weight * waveform + phase.mel_weight * mel;
  losses.metrics = {{"waveform_loss", waveform.item<double>()}, {"mel_loss", mel.item<double>()}};
  if (regenerated.count() > 0) {
    const torch::Tensor beside =
        mel_loss_(waves.narrow(0, target.size(0), regenerated.count()), regenerated.waves);
    losses.total = losses.total + config_.regenerated.mel_weight * beside;
    losses.metrics["regenerated_mel_loss"] = beside.item<double>();
  }
  if (spectral_target_) {
    const torch::Tensor beside = (losses.spectral - (*spectral_target_)(target)).pow(2).mean();
    losses.total = losses.total + config_.spectral.weight * beside;
    losses.metrics["spectral_loss"] = beside.item<double>();
  }
  if (commitment.defined()) {
    losses.total = losses.total + phase.commitment_weight * commitment;
    losses.metrics["commitment_loss"] = commitment.item<double>();
  }
  return losses;
}

absl::Status CodecTrainer::Average(const std::vector<torch::Tensor>& gradients) {
  if (processes_.size() == 1) return absl::OkStatus();
  absl::Status status = processes_.Sum(gradients);
  if (status.ok()) at::_foreach_mul_(gradients, 1.0 / processes_.size());
  return status;
}

absl::Status CodecTrainer::TrainDiscriminator(const torch::Tensor& target,
                                              const torch::Tensor& wave, double learning_rate,
                                              Metrics& metrics) {
  discriminator_optimizer_->ZeroGradients();
  const torch::Tensor loss =
      DiscriminatorLoss(discriminator_->forward(target), discriminator_->forward(wave.detach()));
  loss.backward();
  absl::Status status = Average(discriminator_optimizer_->Gradients());
  if (!status.ok()) return status;
  metrics["discriminator_loss"] = loss.item<double>();
  discriminator_optimizer_->ClipGradients();
  discriminator_optimizer_->Update(learning_rate);
  return absl::OkStatus();
}

absl::StatusOr<StepReport> CodecTrainer::Step(int64_t step) {
  const auto [phase, begin] = PhaseOf(step);
  if (spectral_target_ && !spectral_target_->fitted()) {
    if (absl::Status status = FitSpectralTarget(); !status.ok()) return status;
  }
  if (phase->quantized && !quantizing_) {
    if (absl::Status status = InitializeCodebooks(step); !status.ok()) return status;
    quantizing_ = true;
  }
  OptimizerConfig schedule = config_.optimizer;
  schedule.learning_rate = phase->learning_rate;
  const double rate = LearningRateAt(schedule, step - begin, phase->steps);
  const torch::Tensor target =
      DrawWaves(step, DrawPurpose::kCrop, config_.run.batch_size - num_regenerated());
  Losses losses = Forward(target, DrawRegenerated(step), *phase);
  if (phase->adversarial_weight > 0) {
    const absl::Status status = TrainDiscriminator(target, losses.wave, rate, losses.metrics);
    if (!status.ok()) return status;
    const torch::Tensor adversarial =
        AdversarialLoss(discriminator_->forward(target), discriminator_->forward(losses.wave));
    losses.total = losses.total + phase->adversarial_weight * adversarial;
    losses.metrics["adversarial_loss"] = adversarial.item<double>();
  }
  optimizer_->ZeroGradients();
  losses.total.backward();
  std::vector<torch::Tensor> shared = optimizer_->Gradients();
  torch::Tensor loss = losses.total.detach().clone();
  shared.push_back(loss);
  if (absl::Status status = Average(shared); !status.ok()) return status;
  const double norm = optimizer_->ClipGradients();
  if (!std::isfinite(loss.item<double>()) || !std::isfinite(norm)) {
    return absl::InternalError(absl::StrCat(
        "step ", step + 1, ": the loss is ", loss.item<double>(), ", the gradient's norm ", norm,
        "; batch: the ", config_.run.batch_size, " crops of seed ", config_.run.seed));
  }
  optimizer_->Update(rate);
  if (phase->quantized && !config_.decoder_only) {
    DrawStream draws(static_cast<uint64_t>(config_.run.seed), DrawPurpose::kCentroid,
                     static_cast<uint64_t>(step), /*item=*/1);
    absl::StatusOr<int64_t> dead = codebooks_->Update(losses.quantization, draws);
    if (!dead.ok()) return dead.status();
    losses.metrics["dead_codes"] = static_cast<double>(*dead);
  }
  StepReport report{loss.item<double>(),
                    static_cast<int64_t>(config_.run.batch_size) * processes_.size(),
                    std::move(losses.metrics)};
  report.metrics.insert({{"loss", report.loss}, {"gradient_norm", norm}, {"learning_rate", rate}});
  return report;
}

double CodecTrainer::ValidateRegenerated() {
  const int64_t num_items =
      std::min<int64_t>(config_.run.validation_items, regenerated_->validation_size());
  double mel = 0;
  for (int64_t i = 0; i < num_items; ++i) {
    const RegeneratedClips::Crop crop = regenerated_->Middle(i);
    const torch::Tensor codes = crop.codes.unsqueeze(0).to(device_.device);
    const torch::Tensor target = crop.wave.unsqueeze(0).to(device_.device);
    const torch::Tensor wave = codec_->DecodeLatent(codec_->quantizer()->Decode(codes));
    mel += mel_loss_(wave.squeeze(1).narrow(1, 0, crop_samples_), target).item<double>();
  }
  return mel / static_cast<double>(num_items);
}

absl::StatusOr<Metrics> CodecTrainer::Validate() {
  Metrics metrics;
  if (validation_ == nullptr) return metrics;
  const torch::NoGradGuard no_grad;
  const int num_codebooks = codec_->quantizer()->num_codebooks();
  torch::Tensor used = torch::zeros({num_codebooks, config_.codec.codebook_size}, torch::kBool);
  double mel = 0, si_sdr = 0;
  const int64_t num_items =
      std::min<int64_t>(config_.run.validation_items, validation_->num_clips());
  for (int64_t i = 0; i < num_items; ++i) {
    const torch::Tensor target =
        validation_->Middle(i, crop_samples_).unsqueeze(0).to(device_.device);
    torch::Tensor latent = codec_->EncodeLatent(target.unsqueeze(1));
    if (quantizing_) {
      const torch::Tensor codes = codec_->quantizer()->Encode(latent);
      latent = codec_->quantizer()->Decode(codes);
      for (int k = 0; k < num_codebooks; ++k) {
        used[k].index_fill_(0, codes[0][k].to(torch::kCPU), true);
      }
    }
    const torch::Tensor wave = codec_->DecodeLatent(latent).squeeze(1).narrow(1, 0, crop_samples_);
    mel += mel_loss_(wave, target).item<double>();
    si_sdr += SiSdr(wave, target).item<double>();
  }
  metrics["validation_mel_loss"] = mel / static_cast<double>(num_items);
  // An autoencoder without codebooks is nearer, but no codec: it is never the best.
  if (quantizing_) metrics["validation_loss"] = metrics["validation_mel_loss"];
  if (regenerated_ != nullptr) {
    const double beside = ValidateRegenerated(), share = config_.regenerated.share;
    metrics["validation_regenerated_mel_loss"] = beside;
    metrics["validation_loss"] = (1 - share) * metrics["validation_mel_loss"] + share * beside;
  }
  metrics["validation_si_sdr_db"] = si_sdr / static_cast<double>(num_items);
  for (int k = 0; quantizing_ && k < num_codebooks; ++k) {
    metrics[absl::StrCat("codebook_use_", k)] = used[k].to(torch::kFloat).mean().item<double>();
  }
  return metrics;
}

TensorMap CodecTrainer::State() const {
  TensorMap state = optimizer_->State();
  AddTensorsUnder(ModuleTensors(*codec_), kCodecPrefix, state);
  AddTensorsUnder(codebooks_->State(), kCodebooksPrefix, state);
  if (spectral_target_ && spectral_target_->fitted()) {
    AddTensorsUnder(spectral_target_->State(), kSpectralPrefix, state);
  }
  state["quantizing"] = torch::full({}, quantizing_, torch::kBool);
  if (discriminator_) {
    AddTensorsUnder(ModuleTensors(*discriminator_), kDiscriminatorPrefix, state);
    AddTensorsUnder(discriminator_optimizer_->State(), kDiscriminatorStatePrefix, state);
  }
  return state;
}

absl::Status CodecTrainer::Restore(const TensorMap& state) {
  absl::Status status = LoadModule(TensorsUnder(state, kCodecPrefix), "checkpoint", *codec_);
  if (status.ok()) status = optimizer_->Restore(state);
  if (status.ok()) status = codebooks_->Restore(TensorsUnder(state, kCodebooksPrefix));
  if (status.ok() && discriminator_) {
    status = LoadModule(TensorsUnder(state, kDiscriminatorPrefix), "checkpoint", *discriminator_);
    if (status.ok()) {
      status = discriminator_optimizer_->Restore(TensorsUnder(state, kDiscriminatorStatePrefix));
    }
  }
  if (!status.ok()) return status;
  const TensorMap spectral = TensorsUnder(state, kSpectralPrefix);
  if (spectral_target_ && !spectral.empty()) spectral_target_->Restore(spectral);
  const auto quantizing = state.find("quantizing");
  if (quantizing == state.end()) return absl::InvalidArgumentError("quantizing: missing");
  quantizing_ = quantizing->second.item<bool>();
  return absl::OkStatus();
}

std::string CodecTrainer::Fingerprint() const {
  const CodecConfig& codec = config_.codec;
  return absl::StrCat("codec ", codec.sample_rate_hz, " Hz, hop ", codec.hop_length(), ", filters ",
                      codec.num_filters, ", ", codec.num_codebooks, "x", codec.codebook_size, "x",
                      codec.dimension, discriminator_ ? ", adversarial" : "",
                      config_.decoder_only ? ", decoder only" : "",
                      regenerated_ != nullptr ? ", regenerated" : "",
                      spectral_target_ ? absl::StrCat(", spectral ", config_.spectral.dims) : "",
                      ", seed ", config_.run.seed);
}

TensorMap CodecTrainer::CodecTensors(const TensorMap& state) const {
  return state.empty() ? ModuleTensors(*codec_) : TensorsUnder(state, kCodecPrefix);
}

}  // namespace magnet
