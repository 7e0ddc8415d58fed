#include "model/magnet/transformer.h"

#include <cmath>
#include <limits>
#include <string>

#include "model/magnet/subcodes_window.h"

namespace magnet {
namespace {

namespace nn = torch::nn;

nn::LayerNorm MakeNorm(int dim) { return nn::LayerNorm(nn::LayerNormOptions({dim}).eps(1e-5)); }

constexpr char kBeatHead[] = "beats.head.weight", kBeatQuery[] = "beats.query.weight";

// The score of a token that is padding: finite, so that a text of none has no NaN.
constexpr double kUnseen = -1e9;

// Modules that exist only to give parameters their names in the checkpoint.
std::shared_ptr<nn::Module> Scope() { return std::make_shared<nn::Module>(); }

// Beyond it a masked product of all pairs may be faster than a loop over the few.
constexpr int kMostContextByRanges = 32;

// Frames within `context` of any of `frames` [M], inside [0, num_frames).
torch::Tensor Dilate(const torch::Tensor& frames, int context, int64_t num_frames) {
  torch::Tensor wanted = torch::zeros({num_frames}, torch::kBool);
  bool* flags = wanted.data_ptr<bool>();
  const auto* frame = frames.data_ptr<int64_t>();
  for (int64_t i = 0; i < frames.numel(); ++i) {
    const int64_t first = std::max<int64_t>(frame[i] - context, 0);
    const int64_t last = std::min<int64_t>(frame[i] + context, num_frames - 1);
    std::fill(flags + first, flags + last + 1, true);
  }
  return wanted.nonzero().flatten();
}

// Positions of `wanted` inside `present`, both rising, wanted a subset.
torch::Tensor RowsOf(const torch::Tensor& wanted, const torch::Tensor& present) {
  return torch::searchsorted(present, wanted);
}

// [num_frames, dim], or [B, num_frames, dim] from each item's first frame on.
torch::Tensor Positions(int64_t num_frames, int dim, const torch::Tensor& first_frames) {
  if (!first_frames.defined()) return SinusoidalPositions(static_cast<int>(num_frames), dim);
  const int64_t end = first_frames.max().item<int64_t>() + num_frames;
  const torch::Tensor frames = first_frames.unsqueeze(1) + torch::arange(num_frames);
  return SinusoidalPositions(static_cast<int>(end), dim)
      .index_select(0, frames.flatten())
      .view({-1, num_frames, dim});
}

// [S] -> [1, 1, 1, S] in the type of the scores.
torch::Tensor AsScoreBias(const torch::Tensor& bias, torch::Dtype dtype) {
  return bias.defined() ? bias.to(dtype).view({1, 1, 1, -1}) : bias;
}

}  // namespace

torch::Tensor SinusoidalPositions(int num_frames, int dim) {
  const int half = dim / 2;
  const torch::Tensor position = torch::arange(num_frames, torch::kFloat).unsqueeze(1);
  const torch::Tensor i = torch::arange(half, torch::kFloat).unsqueeze(0);
  const torch::Tensor phase =
      position / torch::full({}, 10000.0, torch::kFloat).pow(i / (half - 1));
  return torch::cat({phase.cos(), phase.sin()}, /*dim=*/1);
}

torch::Tensor AttentionMask(const LmConfig& config, int stage, const torch::Tensor& query_frames,
                            const torch::Tensor& key_frames) {
  if (stage == 0) return {};
  const torch::Tensor ahead = key_frames.unsqueeze(0) - query_frames.unsqueeze(1);
  if (config.subcodes_attention == SubcodesAttention::kCausal) return ahead <= 0;
  return IsWindowed(config, stage) ? ahead.abs() <= config.subcodes_context : torch::Tensor();
}

TransformerLayerImpl::TransformerLayerImpl(const LmConfig& config) : num_heads_(config.num_heads) {
  self_attn =
      register_module("self_attn", SelfAttention(config.dim, config.num_heads, config.bias_attn));
  cross_attention = register_module("cross_attention",
                                    CrossAttention(config.dim, config.num_heads, config.bias_attn));
  linear1_ = register_module("linear1", Dense(config.dim, config.ffn_dim, config.bias_ff));
  linear2_ = register_module("linear2", Dense(config.ffn_dim, config.dim, config.bias_ff));
  norm1_ = register_module("norm1", MakeNorm(config.dim));
  norm_cross_ = register_module("norm_cross", MakeNorm(config.dim));
  norm2_ = register_module("norm2", MakeNorm(config.dim));
}

torch::Tensor TransformerLayerImpl::SelfAttend(const torch::Tensor& x,
                                               const torch::Tensor& query_rows,
                                               const Visibility& visibility) {
  const torch::Tensor kept = query_rows.defined() ? x.index_select(1, query_rows) : x;
  return kept + self_attn(norm1_(x).to(linear1_->weight.dtype()), query_rows, visibility);
}

torch::Tensor TransformerLayerImpl::CrossAttend(const torch::Tensor& x, const LayerKv& text,
                                                const torch::Tensor& score_bias) {
  return cross_attention(norm_cross_(x).to(linear1_->weight.dtype()), text, score_bias);
}

torch::Tensor TransformerLayerImpl::FeedForward(const torch::Tensor& x) {
  return x + linear2_(linear1_->ForwardGelu(norm2_(x).to(linear1_->weight.dtype())));
}

void TransformerLayerImpl::AddSelfAttention(torch::Tensor& x, const torch::Tensor& query_rows,
                                            const Visibility& visibility) {
  if (int8_) return int8_->AddSelfAttention(x, query_rows, visibility);
  x = SelfAttend(x, query_rows, visibility);
}

LayerKv TransformerLayerImpl::ProjectText(const torch::Tensor& conditions) {
  return int8_ ? int8_->ProjectText(conditions) : cross_attention->Project(conditions);
}

void TransformerLayerImpl::AddCrossAttention(torch::Tensor& x, const LayerKv& text,
                                             const torch::Tensor& score_bias) {
  if (int8_) return int8_->AddCrossAttention(x, text, score_bias);
  x.add_(CrossAttend(x, text, score_bias));
}

torch::Tensor TransformerLayerImpl::NullOutput() {
  return int8_ ? int8_->null_output() : cross_attention->NullOutput();
}

void TransformerLayerImpl::AddFeedForward(torch::Tensor& x) {
  if (int8_) return int8_->AddFeedForward(x);
  x = FeedForward(x);
}

void TransformerLayerImpl::Pack(WeightPacking packing) {
  if (packing == WeightPacking::kNone) return;
  if (packing == WeightPacking::kInt8) {
    int8_ = std::make_unique<Int8Layer>(*this, num_heads_);
    return;
  }
  self_attn->Pack();
  cross_attention->Pack();
  linear1_->Pack();
  linear2_->Pack();
}

void MagnetTransformerImpl::ComputeIn(torch::Dtype dtype) {
  for (auto& item : named_parameters()) {
    const bool exact = item.key().find("norm") != std::string::npos || item.key() == kBeatHead ||
                       item.key() == kBeatQuery;
    item.value().set_data(item.value().to(exact ? torch::kFloat : dtype));
  }
}

void MagnetTransformerImpl::Pack(const TransformerPacking& packing) {
  const torch::NoGradGuard no_grad;
  for (const auto& layer : *layers_) layer->as<TransformerLayer>()->Pack(packing.layers);
  PackHeads(packing.heads);
}

void MagnetTransformerImpl::PackHeads(WeightPacking packing) {
  if (packing == WeightPacking::kNone) return;
  const torch::NoGradGuard no_grad;
  for (const auto& head : *linears_) head->as<Dense>()->Pack();
}

int64_t MagnetTransformerImpl::Int8Bytes() const {
  int64_t bytes = 0;
  for (const auto& layer : *layers_) bytes += layer->as<TransformerLayer>()->Int8Bytes();
  return bytes;
}

MagnetTransformerImpl::MagnetTransformerImpl(const LmConfig& config) : config_(config) {
  for (int k = 0; k < config.num_codebooks; ++k) {
    emb_->push_back(TokenEmbedding(config.card + 1, config.dim));
    linears_->push_back(Dense(config.dim, config.card, config.bias_proj));
  }
  for (int i = 0; i < config.num_layers; ++i) layers_->push_back(TransformerLayer(config));
  register_module("emb", emb_);
  const auto transformer = register_module("transformer", Scope());
  transformer->register_module("layers", layers_);
  out_norm_ = register_module("out_norm", MakeNorm(config.dim));
  register_module("linears", linears_);
  const auto provider = register_module("condition_provider", Scope());
  const auto conditioners = provider->register_module("conditioners", Scope());
  const auto description = conditioners->register_module("description", Scope());
  output_proj_ = description->register_module("output_proj",
                                              Dense(config.text_dim, config.dim, /*bias=*/true));
  if (config.neighbour_tables > 0) {
    neighbours_ = register_buffer(
        kNeighboursName, torch::zeros({config.neighbour_tables, config.card, config.card}));
  }
  if (!config.beats.has_value()) return;
  const auto beats = register_module("beats", Scope());
  beat_emb_ =
      beats->register_module("emb", TokenEmbedding(config.beats->num_ticks() + 1, config.dim));
  beat_query_ = beats->register_module("query", Dense(config.text_dim, 2, /*bias=*/false));
  beat_head_ = beats->register_module(
      "head", Dense(config.text_dim, config.beats->num_tempos() + config.beats->max_beats_per_bar,
                    /*bias=*/false));
}

torch::Tensor MagnetTransformerImpl::ProjectText(const torch::Tensor& text_states) {
  return output_proj_(text_states.to(output_proj_->weight.dtype()));
}

ConditionKv MagnetTransformerImpl::PrepareCondition(const torch::Tensor& condition,
                                                    const torch::Tensor& score_bias) {
  ConditionKv prepared;
  prepared.score_bias = AsScoreBias(score_bias, condition.scalar_type());
  for (const auto& layer : *layers_) {
    prepared.layers.push_back(layer->as<TransformerLayer>()->ProjectText(condition));
  }
  return prepared;
}

torch::Tensor MagnetTransformerImpl::BeatLogits(const torch::Tensor& text_states,
                                                const torch::Tensor& mask) {
  const torch::Tensor states = text_states.to(torch::kFloat);
  const torch::Tensor scores =  // [B, S, 2]
      torch::linear(states, beat_query_->weight.to(torch::kFloat))
          .to(torch::kFloat)
          .masked_fill(mask.logical_not().unsqueeze(2), kUnseen);
  const torch::Tensor heard = scores.softmax(/*dim=*/1).transpose(1, 2).matmul(states);
  const auto heads =
      beat_head_->weight.to(torch::kFloat)
          .split_with_sizes({config_.beats->num_tempos(), config_.beats->max_beats_per_bar});
  return torch::cat({torch::linear(heard.select(1, 0), heads[0]),  // heard [B, 2, text_dim]
                     torch::linear(heard.select(1, 1), heads[1])},
                    /*dim=*/1)
      .to(torch::kFloat);
}

torch::Tensor MagnetTransformerImpl::NullOutput(int index) {
  const torch::Tensor output = layers_[index]->as<TransformerLayer>()->NullOutput();
  return output.defined() ? output.to(torch::kFloat).contiguous() : output;
}

torch::Tensor MagnetTransformerImpl::Embed(const torch::Tensor& codes, const torch::Tensor& ticks,
                                           const torch::Tensor& first_frames) {
  torch::Tensor x = emb_[0]->as<TokenEmbedding>()->forward(codes.select(1, 0));
  for (int k = 1; k < config_.num_codebooks; ++k) {
    x = x + emb_[k]->as<TokenEmbedding>()->forward(codes.select(1, k));
  }
  if (beat_emb_) {
    x = x + (ticks.defined() ? beat_emb_(ticks) : beat_emb_->weight[config_.beats->no_tick_id()]);
  }
  const torch::Tensor positions = Positions(codes.size(2), config_.dim, first_frames);
  return x + positions.to(x.device(), out_norm_->weight.scalar_type());
}

std::vector<torch::Tensor> MagnetTransformerImpl::FramesPerLayer(const PassInput& input) const {
  std::vector<torch::Tensor> frames(config_.num_layers);
  frames.back() = input.frames;
  if (!IsWindowed(config_, input.stage)) return frames;
  const int64_t num_frames = input.codes.size(1);
  for (int i = config_.num_layers - 2; i >= 0; --i) {
    frames[i] = Dilate(frames[i + 1], config_.subcodes_context, num_frames);
  }
  return frames;
}

Visibility MagnetTransformerImpl::Sees(const PassInput& input, const torch::Tensor& queries,
                                       const torch::Tensor& present) const {
  const torch::Tensor& weight = output_proj_->weight;
  const bool by_ranges = IsWindowed(config_, input.stage) &&
                         config_.subcodes_context <= kMostContextByRanges && weight.is_cpu();
  if (by_ranges) return {.ranges = RangesWithin(config_.subcodes_context, queries, present)};
  return {.mask = AttentionMask(config_, input.stage, queries, present)};
}

void MagnetTransformerImpl::AddCrossAttention(TransformerLayerImpl& layer, int index,
                                              const PassInput& input, torch::Tensor& x) {
  const ConditionKv* const branches[] = {input.condition, input.negative};
  for (int64_t b = 0; b < x.size(0); ++b) {
    torch::Tensor row = x.narrow(0, b, 1);
    if (branches[b] != nullptr) {
      layer.AddCrossAttention(row, branches[b]->layers[index], branches[b]->score_bias);
    } else if (const torch::Tensor null_output = layer.NullOutput(); null_output.defined()) {
      row.add_(null_output);
    }
  }
}

PassLogits MagnetTransformerImpl::Pass(const PassInput& input) {
  const std::vector<torch::Tensor> wanted = FramesPerLayer(input);
  torch::Tensor present = torch::arange(input.codes.size(1));
  torch::Tensor x = Embed(input.codes.unsqueeze(0), input.ticks, /*first_frames=*/{});
  for (int i = 0; i < config_.num_layers; ++i) {
    TransformerLayerImpl& layer = *layers_[i]->as<TransformerLayer>();
    const bool all = !wanted[i].defined() || wanted[i].numel() == present.numel();
    const torch::Tensor queries = all ? present : wanted[i];
    layer.AddSelfAttention(x, all ? torch::Tensor() : RowsOf(queries, present),
                           Sees(input, queries, present));
    present = queries;
    // The branches differ from the first cross-attention on.
    if (i == 0 && input.guided) x = x.repeat({2, 1, 1});
    AddCrossAttention(layer, i, input, x);
    layer.AddFeedForward(x);
  }
  const torch::Tensor logits = linears_[input.stage]
                                   ->as<Dense>()
                                   ->forward(out_norm_(x).to(dtype()))
                                   .to(torch::kCPU, torch::kFloat)
                                   .contiguous();
  return {logits[0], input.guided ? logits[1] : torch::Tensor()};
}

TrainingOutput MagnetTransformerImpl::forward(const TrainingInput& input) {
  const torch::Tensor is_null = input.text_mask.any(/*dim=*/1).logical_not().view({-1, 1, 1});
  const torch::Tensor projected = ProjectText(input.text_states);
  const torch::Tensor conditions =
      projected * input.text_mask.unsqueeze(-1).to(projected.scalar_type());
  // A null condition attends to its zero vectors, whose number does not matter.
  const torch::Tensor attends = input.text_mask.unsqueeze(1).logical_or(is_null).unsqueeze(1);
  const torch::Tensor frames = torch::arange(input.codes.size(2), input.codes.device());
  const Visibility visibility = {.mask = AttentionMask(config_, input.stage, frames, frames)};
  TrainingOutput output;
  if (beat_head_) output.beats = BeatLogits(input.text_states, input.text_mask);
  torch::Tensor x = Embed(input.codes, input.ticks, input.first_frames);
  for (int i = 0; i < config_.num_layers; ++i) {
    TransformerLayerImpl& layer = *layers_[i]->as<TransformerLayer>();
    x = layer.SelfAttend(x, /*query_rows=*/{}, visibility);
    x = x + layer.CrossAttend(x, layer.cross_attention->Project(conditions), attends);
    x = layer.FeedForward(x);
    if (i + 1 == (config_.num_layers + 1) / 2) output.middle = x;
  }
  output.logits = linears_[input.stage]->as<Dense>()->forward(out_norm_(x).to(dtype()));
  return output;
}

}  // namespace magnet
