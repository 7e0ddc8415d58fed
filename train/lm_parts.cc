#include "train/lm_parts.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/bundle.h"
#include "train/codec_folder.h"
#include "train/draw_stream.h"
#include "train/neighbour_start.h"
#include "train/vocabulary.h"

namespace magnet {
namespace {

// Captions that a new vocabulary is learnt from: every text of every clip.
std::vector<std::string> AllCaptions(const CodeSet& clips) {
  std::vector<std::string> captions;
  for (int64_t clip = 0; clip < clips.size(); ++clip) {
    const MusicBenchRow& row = clips.row(clip);
    for (const std::string* text : {&row.main_caption, &row.alt_caption, &row.prompt_ch,
                                    &row.prompt_bt, &row.prompt_bpm, &row.prompt_key}) {
      if (!text->empty()) captions.push_back(*text);
    }
  }
  return captions;
}

// Takes over `found`'s sizes where `wanted` has 0. Lists where they differ.
std::string MergeLmSizes(const LmConfig& found, LmConfig& wanted) {
  std::string differences;
  const auto merge = [&](const char* name, int theirs, int& ours) {
    if (ours == 0) ours = theirs;
    if (ours != theirs)
      absl::StrAppend(&differences, " ", name, " ", ours, " against ", theirs, ";");
  };
  merge("lm.dim", found.dim, wanted.dim);
  merge("lm.num_heads", found.num_heads, wanted.num_heads);
  merge("lm.num_layers", found.num_layers, wanted.num_layers);
  merge("lm.ffn_dim", found.ffn_dim, wanted.ffn_dim);
  merge("lm.num_codebooks", found.num_codebooks, wanted.num_codebooks);
  merge("lm.card", found.card, wanted.card);
  merge("lm.text_dim", found.text_dim, wanted.text_dim);
  if (wanted.window_frames == 0) wanted.window_frames = found.window_frames;
  if (!wanted.beats.has_value()) wanted.beats = found.beats;
  if (wanted.beats != found.beats) {
    absl::StrAppend(&differences, " lm.beats ",
                    found.beats.has_value() ? "differ;" : "against none;");
  }
  if (wanted.neighbour_tables == 0) wanted.neighbour_tables = found.neighbour_tables;
  wanted.bias_attn = found.bias_attn;
  wanted.bias_ff = found.bias_ff;
  wanted.bias_proj = found.bias_proj;
  return differences;
}

class PartsMaker {
 public:
  PartsMaker(const LmTrainingConfig& config, const CodeSet& clips)
      : config_(config), clips_(clips) {}

  absl::StatusOr<LmParts> Make() {
    for (auto step : {&PartsMaker::OpenBundles, &PartsMaker::TakeCodec, &PartsMaker::TakeVocabulary,
                      &PartsMaker::FixSizes}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    absl::StatusOr<T5Tokenizer> tokenizer = T5Tokenizer::FromSerialized(spiece_model_);
    if (!tokenizer.ok()) return tokenizer.status();
    if (tokenizer->vocab_size() > model_.text_encoder.vocab_size) {
      return Mismatch("vocabulary", absl::StrCat(tokenizer->vocab_size(), " ids"), "text encoder",
                      absl::StrCat("embeddings for ", model_.text_encoder.vocab_size));
    }
    LmParts parts{.config = model_,
                  .tokenizer = *std::move(tokenizer),
                  .spiece_model = spiece_model_,
                  .codec = codec_};
    parts.lm = MagnetTransformer(model_.lm);
    parts.text_encoder = T5Encoder(model_.text_encoder);
    if (absl::Status status = FillWeights(parts); !status.ok()) return status;
    if (config_.annotation_weight > 0) {
      absl::StatusOr<std::vector<LabelKind>> kinds = LabelKinds(clips_);
      if (!kinds.ok()) return kinds.status();
      parts.label_kinds = *std::move(kinds);
    }
    return parts;
  }

 private:
  static absl::Status Mismatch(const std::string& left, const std::string& left_has,
                               const std::string& right, const std::string& right_has) {
    return absl::FailedPreconditionError(
        absl::StrCat(left, " has ", left_has, ", but ", right, " has ", right_has));
  }

  absl::Status OpenBundles() {
    if (!config_.start_from.empty()) {
      absl::StatusOr<Bundle> bundle = OpenBundle(config_.start_from);
      if (!bundle.ok()) return bundle.status();
      base_ = *std::move(bundle);
    }
    if (!config_.text_encoder_from.empty()) {
      absl::StatusOr<Bundle> bundle = OpenBundle(config_.text_encoder_from);
      if (!bundle.ok()) return bundle.status();
      text_ = *std::move(bundle);
    }
    return absl::OkStatus();
  }

  // The bundle whose text encoder is used; null: a new one is made.
  const Bundle* TextSource() const {
    return text_.has_value() ? &*text_ : base_.has_value() ? &*base_ : nullptr;
  }

  absl::Status TakeCodec() {
    const std::string& folder = config_.codec.empty() ? config_.start_from : config_.codec;
    if (folder.empty()) {
      return absl::InvalidArgumentError("codec: expected a codec's folder, or start_from");
    }
    absl::StatusOr<CodecFiles> files = ReadCodecFolder(folder);
    if (!files.ok()) return files.status();
    const std::string& made_by = clips_.info().codec_fingerprint;
    if (files->fingerprint != made_by) {
      return Mismatch(absl::StrCat("the codes of ", config_.codes),
                      absl::StrCat("a codec with fingerprint ", made_by.substr(0, 16)),
                      absl::StrCat("the codec in ", folder), files->fingerprint.substr(0, 16));
    }
    if (base_.has_value() && !config_.codec.empty()) {
      absl::StatusOr<CodecFiles> theirs = ReadCodecFolder(config_.start_from);
      if (!theirs.ok()) return theirs.status();
      if (theirs->fingerprint != files->fingerprint) {
        return Mismatch(
            config_.start_from,
            absl::StrCat("a codec with fingerprint ", theirs->fingerprint.substr(0, 16)), folder,
            files->fingerprint.substr(0, 16));
      }
    }
    model_.codec = files->config;
    codec_ = std::move(files->tensors);
    return absl::OkStatus();
  }

  absl::Status TakeVocabulary() {
    if (const Bundle* source = TextSource(); source != nullptr) {
      spiece_model_ = source->spiece_model;
      model_.text_encoder = source->config.text_encoder;
      return absl::OkStatus();
    }
    std::string error;
    spiece_model_ = TrainVocabulary(AllCaptions(clips_), config_.vocabulary_size, &error);
    if (spiece_model_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("vocabulary_size ", config_.vocabulary_size,
                                                     ": no vocabulary could be learnt: ", error));
    }
    absl::StatusOr<T5Tokenizer> tokenizer = T5Tokenizer::FromSerialized(spiece_model_);
    if (!tokenizer.ok()) return tokenizer.status();
    model_.text_encoder = config_.text_encoder;
    int& rows = model_.text_encoder.vocab_size;
    if (rows == 0) rows = tokenizer->vocab_size();
    return absl::OkStatus();
  }

  absl::Status FixSizes() {
    model_.name = config_.name;
    model_.version = config_.version;
    model_.description = config_.description;
    model_.license = config_.license;
    model_.sampling = config_.sampling;
    model_.lm = config_.lm;
    LmConfig& lm = model_.lm;
    if (base_.has_value()) {
      std::string differences = MergeLmSizes(base_->config.lm, lm);
      if (const int found = base_->config.lm.neighbour_tables;
          config_.train_neighbours && found > 0 && found != lm.neighbour_tables) {
        absl::StrAppend(&differences, " lm.neighbour_tables ", lm.neighbour_tables, " against ",
                        found, ";");
      }
      if (!differences.empty()) {
        return absl::FailedPreconditionError(
            absl::StrCat("the configuration does not fit ", config_.start_from, ":", differences));
      }
    }
    if (lm.num_codebooks == 0) lm.num_codebooks = model_.codec.num_codebooks;
    if (lm.card == 0) lm.card = model_.codec.codebook_size;
    if (lm.text_dim == 0) lm.text_dim = model_.text_encoder.d_model;
    if (lm.span_len >= lm.window_frames) {
      return absl::InvalidArgumentError(
          absl::StrCat("lm.window_frames: expected more than span_len ", lm.span_len, ", found ",
                       lm.window_frames));
    }
    const ShortCropConfig& crops = config_.short_crops;
    if (crops.steps > 0 && (crops.frames <= lm.span_len || crops.frames > lm.window_frames)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "short_crops.frames: expected more than span_len ", lm.span_len,
          " and at most lm.window_frames ", lm.window_frames, ", found ", crops.frames));
    }
    const TextFirstConfig& texts = config_.text_first;
    if ((texts.steps > 0 || texts.weight_after > 0) && !config_.train_text_encoder) {
      return absl::InvalidArgumentError(
          absl::StrCat("text_first.", texts.steps > 0 ? "steps" : "weight_after",
                       ": expected 0 where train_text_encoder is false"));
    }
    if (config_.neighbour_start && base_.has_value()) {
      return absl::InvalidArgumentError("neighbour_start: expected false with start_from");
    }
    if (config_.train_neighbours && lm.neighbour_tables == 0) {
      return absl::InvalidArgumentError(
          "lm.neighbour_tables: expected at least 1 where train_neighbours is true, found 0");
    }
    if (config_.train_neighbours && model_.sampling.neighbour_weight == 0) {
      return absl::InvalidArgumentError(
          "sampling.neighbour_weight: expected more than 0 where train_neighbours is true, found "
          "0");
    }
    const int num_stages = static_cast<int>(config_.stage_weights.size());
    if (num_stages != 0 && num_stages != lm.num_codebooks) {
      return Mismatch("stage_weights", absl::StrCat(num_stages, " entries"), "the model",
                      absl::StrCat(lm.num_codebooks, " codebooks"));
    }
    return CheckModelConfig(model_);
  }

  absl::Status FillWeights(LmParts& parts) {
    const bool tables_learn_on =
        config_.train_neighbours && base_.has_value() && base_->config.lm.neighbour_tables > 0;
    for (int k = 0; k < model_.lm.neighbour_tables && !tables_learn_on; ++k) {
      parts.lm->neighbours()[k].copy_(NeighbourTable(clips_, k));
    }
    const Bundle* text = TextSource();
    DrawStream draws(config_.run.seed, DrawPurpose::kWeights, /*step=*/0, /*item=*/0);
    if (text == nullptr) {
      torch::manual_seed(draws.Bits());
      parts.text_encoder->ResetParameters();
    } else if (absl::Status status =
                   LoadModule(text->text_encoder, "text_encoder.safetensors", *parts.text_encoder);
               !status.ok()) {
      return status;
    }
    if (!base_.has_value()) {
      DrawLmWeights(parts.lm, draws.Bits());
      if (config_.neighbour_start) StartFromNeighbours(clips_, parts.lm);
      return absl::OkStatus();
    }
    return LoadModule(tables_learn_on ? base_->lm : WithNeighboursOf(parts.lm, base_->lm),
                      config_.start_from + "/lm.safetensors", *parts.lm);
  }

  const LmTrainingConfig& config_;
  const CodeSet& clips_;
  std::optional<Bundle> base_;
  std::optional<Bundle> text_;
  ModelConfig model_;
  std::string spiece_model_;
  TensorMap codec_;
};

}  // namespace

absl::StatusOr<LmParts> MakeLmParts(const LmTrainingConfig& config, const CodeSet& clips) {
  return PartsMaker(config, clips).Make();
}

TensorMap WithNeighboursOf(const MagnetTransformer& lm, TensorMap weights) {
  weights.erase(kNeighboursName);
  if (lm->neighbours().defined()) weights[kNeighboursName] = lm->neighbours();
  return weights;
}

absl::Status WriteLmBundle(const LmParts& parts, const TensorMap& lm, const TensorMap& text_encoder,
                           const std::string& readme, const std::string& folder) {
  const Bundle bundle{.config = parts.config,
                      .lm = lm,
                      .codec = parts.codec,
                      .text_encoder = text_encoder,
                      .spiece_model = parts.spiece_model,
                      .readme = readme};
  return WriteBundle(bundle, torch::kHalf, folder);
}

void DrawLmWeights(MagnetTransformer& lm, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(seed);
  const double branch_ends = std::sqrt(3.0 * lm->config().num_layers);
  for (auto& item : lm->named_parameters()) {
    const std::string& name = item.key();
    torch::Tensor& weight = item.value();
    if (absl::StrContains(name, "norm")) continue;
    if (weight.dim() == 1 || name == "beats.head.weight" || name == "beats.query.weight") {
      weight.zero_();
    } else if (absl::StrContains(name, "emb.")) {
      weight.normal_(0, 1 / std::sqrt(lm->config().num_codebooks));
    } else if (absl::StartsWith(name, "linears.")) {
      weight.normal_(0, 0.02);
    } else {
      const double deviation = 1 / std::sqrt(static_cast<double>(weight.size(1)));
      const bool ends_branch =
          absl::StrContains(name, ".out_proj.") || absl::StrContains(name, ".linear2.");
      weight.normal_(0, ends_branch ? deviation / branch_ends : deviation);
    }
  }
}

}  // namespace magnet
