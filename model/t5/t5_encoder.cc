#include "model/t5/t5_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/layers/uninitialized_weights.h"

namespace magnet {
namespace {

// Queries that attend together: the bias of all of a long text would be gigabytes.
constexpr int64_t kQueriesAtOnce = 512;

double LowestFinite(torch::Dtype dtype) {
  switch (dtype) {
    case torch::kFloat16:
      return std::numeric_limits<c10::Half>::lowest();
    case torch::kBFloat16:
      return std::numeric_limits<c10::BFloat16>::lowest();
    default:
      return std::numeric_limits<float>::lowest();
  }
}

}  // namespace

torch::Tensor RelativePositionBuckets(int64_t num_positions, int num_buckets, int max_distance) {
  const int per_side = num_buckets / 2;
  const int num_exact = per_side / 2;
  const auto position = torch::arange(-(num_positions - 1), num_positions, torch::kInt64);
  const auto distance = position.abs();
  // float32 throughout, as in the reference: a bucket's edge is decided by
  // rounding.
  const double log_range = std::log(static_cast<double>(max_distance) / num_exact);
  const auto log_bucket =
      (torch::log(distance.to(torch::kFloat32) / num_exact) / log_range * (per_side - num_exact))
          .clamp_min(0)
          .to(torch::kInt64)
          .add(num_exact)
          .clamp_max(per_side - 1);
  return torch::where(distance < num_exact, distance, log_bucket) + (position > 0) * per_side;
}

T5LinearImpl::T5LinearImpl(int64_t in_dim, int64_t out_dim)
    : weight(register_parameter("weight", NewConstantWeight({out_dim, in_dim}, 0))) {}

torch::Tensor T5LinearImpl::forward(const torch::Tensor& x) {
  return torch::linear(x, weight.to(x.scalar_type()));
}

T5RmsNormImpl::T5RmsNormImpl(int64_t dim, double epsilon)
    : weight(register_parameter("weight", NewConstantWeight({dim}, 1))), epsilon_(epsilon) {}

torch::Tensor T5RmsNormImpl::forward(const torch::Tensor& x) {
  const auto mean_square = x.to(torch::kFloat32).square().mean(/*dim=*/-1, /*keepdim=*/true);
  return weight * (x * torch::rsqrt(mean_square + epsilon_)).to(weight.scalar_type());
}

T5EmbeddingImpl::T5EmbeddingImpl(int64_t num_rows, int64_t dim)
    : weight(register_parameter("weight", NewConstantWeight({num_rows, dim}, 0))) {}

torch::Tensor T5EmbeddingImpl::forward(const torch::Tensor& ids) {
  return torch::embedding(weight, ids);
}

T5AttentionImpl::T5AttentionImpl(const TextEncoderConfig& config, bool has_relative_attention_bias)
    : num_heads_(config.num_heads),
      d_kv_(config.d_kv),
      num_buckets_(config.relative_attention_num_buckets),
      max_distance_(config.relative_attention_max_distance) {
  const int64_t inner_dim = int64_t{num_heads_} * d_kv_;
  q = register_module("q", T5Linear(config.d_model, inner_dim));
  k = register_module("k", T5Linear(config.d_model, inner_dim));
  v = register_module("v", T5Linear(config.d_model, inner_dim));
  o = register_module("o", T5Linear(inner_dim, config.d_model));
  if (has_relative_attention_bias) {
    relative_attention_bias =
        register_module("relative_attention_bias", T5Embedding(num_buckets_, num_heads_));
  }
}

torch::Tensor T5AttentionImpl::SplitHeads(const torch::Tensor& x) const {
  return x.view({x.size(0), x.size(1), num_heads_, d_kv_}).transpose(1, 2);
}

torch::Tensor T5AttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& reversed_bias) {
  const auto queries = SplitHeads(q(x)), keys = SplitHeads(k(x)), values = SplitHeads(v(x));
  const int64_t num_tokens = x.size(1);
  std::vector<torch::Tensor> heads;
  for (int64_t first = 0; first < num_tokens; first += kQueriesAtOnce) {
    const int64_t count = std::min(kQueriesAtOnce, num_tokens - first);
    const auto bias = reversed_bias.narrow(2, num_tokens - first - count, count).flip(2);
    const auto attended = at::scaled_dot_product_attention(queries.narrow(2, first, count), keys,
                                                           values, bias, /*dropout_p=*/0.0,
                                                           /*is_causal=*/false, /*scale=*/1.0);
    heads.push_back(attended.transpose(1, 2));
  }
  return o(torch::cat(heads, /*dim=*/1).flatten(/*start_dim=*/2));
}

torch::Tensor T5AttentionImpl::ReversedBias(int64_t num_tokens) {
  const auto buckets = RelativePositionBuckets(num_tokens, num_buckets_, max_distance_)
                           .to(relative_attention_bias->weight.device());
  const auto by_position = relative_attention_bias(buckets).t();  // [H, 2S - 1]
  // Window w starts at relative position w - (S - 1): that of query S - 1 - w.
  return by_position.unfold(/*dimension=*/1, num_tokens, /*step=*/1).unsqueeze(0);
}

T5FeedForwardImpl::T5FeedForwardImpl(const TextEncoderConfig& config) {
  if (config.gated_gelu) {
    wi_0 = register_module("wi_0", T5Linear(config.d_model, config.d_ff));
    wi_1 = register_module("wi_1", T5Linear(config.d_model, config.d_ff));
  } else {
    wi = register_module("wi", T5Linear(config.d_model, config.d_ff));
  }
  wo = register_module("wo", T5Linear(config.d_ff, config.d_model));
}

torch::Tensor T5FeedForwardImpl::forward(const torch::Tensor& x) {
  if (wi_0.is_empty()) return wo(torch::relu(wi(x)));
  return wo(torch::gelu(wi_0(x), /*approximate=*/"tanh") * wi_1(x));
}

T5SelfAttentionLayerImpl::T5SelfAttentionLayerImpl(const TextEncoderConfig& config,
                                                   bool has_relative_attention_bias)
    : attention(register_module("SelfAttention", T5Attention(config, has_relative_attention_bias))),
      layer_norm(
          register_module("layer_norm", T5RmsNorm(config.d_model, config.layer_norm_epsilon))) {}

torch::Tensor T5SelfAttentionLayerImpl::forward(const torch::Tensor& x,
                                                const torch::Tensor& reversed_bias) {
  return x + attention(layer_norm(x), reversed_bias);
}

T5FeedForwardLayerImpl::T5FeedForwardLayerImpl(const TextEncoderConfig& config)
    : feed_forward(register_module("DenseReluDense", T5FeedForward(config))),
      layer_norm(
          register_module("layer_norm", T5RmsNorm(config.d_model, config.layer_norm_epsilon))) {}

torch::Tensor T5FeedForwardLayerImpl::forward(const torch::Tensor& x) {
  return x + feed_forward(layer_norm(x));
}

T5BlockImpl::T5BlockImpl(const TextEncoderConfig& config, bool has_relative_attention_bias)
    : self_attention(config, has_relative_attention_bias), feed_forward(config) {
  torch::nn::ModuleList layer;
  layer->push_back(self_attention);
  layer->push_back(feed_forward);
  register_module("layer", layer);
}

torch::Tensor T5BlockImpl::forward(const torch::Tensor& x, const torch::Tensor& reversed_bias) {
  return feed_forward(self_attention(x, reversed_bias));
}

T5StackImpl::T5StackImpl(const TextEncoderConfig& config) {
  for (int i = 0; i < config.num_layers; ++i) {
    block->push_back(T5Block(config, /*has_relative_attention_bias=*/i == 0));
  }
  register_module("block", block);
  final_layer_norm =
      register_module("final_layer_norm", T5RmsNorm(config.d_model, config.layer_norm_epsilon));
}

torch::Tensor T5StackImpl::forward(torch::Tensor x, const torch::Tensor& attention_mask) {
  auto bias = block[0]->as<T5Block>()->self_attention->attention->ReversedBias(x.size(1));
  if (attention_mask.defined()) {
    // The lowest finite number, not -infinity: a row without any seen token
    // must not become NaN.
    const auto unseen = attention_mask.logical_not().unsqueeze(1).unsqueeze(2);  // [B, 1, 1, S]
    bias = bias.masked_fill(unseen, LowestFinite(bias.scalar_type()));
  }
  for (const auto& child : *block) x = child->as<T5Block>()->forward(x, bias);
  return final_layer_norm(x);
}

T5EncoderImpl::T5EncoderImpl(const TextEncoderConfig& config)
    : shared(register_module("shared", T5Embedding(config.vocab_size, config.d_model))),
      encoder(register_module("encoder", T5Stack(config))),
      config_(config) {}

torch::Tensor T5EncoderImpl::forward(const torch::Tensor& input_ids,
                                     const torch::Tensor& attention_mask) {
  const torch::Dtype dtype = encoder->final_layer_norm->weight.scalar_type();
  return encoder(shared(input_ids).to(dtype), attention_mask);
}

void T5EncoderImpl::KeepWeightsIn(torch::Dtype dtype) {
  shared->weight.set_data(shared->weight.to(dtype));
  for (const auto& module : modules()) {
    auto* const linear = module->as<T5LinearImpl>();
    if (linear != nullptr) linear->weight.set_data(linear->weight.to(dtype));
  }
}

void T5EncoderImpl::ResetParameters() {
  const torch::NoGradGuard no_grad;
  const double d_model = config_.d_model;
  const auto draw = [](torch::Tensor& weight, double fan_in) {
    weight.normal_(/*mean=*/0, /*std=*/1 / std::sqrt(fan_in));
  };
  draw(shared->weight, /*fan_in=*/1);
  for (const auto& child : *encoder->block) {
    auto& block = *child->as<T5Block>();
    auto& attention = *block.self_attention->attention;
    // The scores are not scaled, so the queries are, here.
    draw(attention.q->weight, d_model * config_.d_kv);
    draw(attention.k->weight, d_model);
    draw(attention.v->weight, d_model);
    draw(attention.o->weight, static_cast<double>(config_.num_heads) * config_.d_kv);
    if (attention.relative_attention_bias) draw(attention.relative_attention_bias->weight, d_model);

    auto& feed_forward = *block.feed_forward->feed_forward;
    for (auto* wi : {&feed_forward.wi, &feed_forward.wi_0, &feed_forward.wi_1}) {
      if (*wi) draw((*wi)->weight, d_model);
    }
    draw(feed_forward.wo->weight, config_.d_ff);
    block.self_attention->layer_norm->weight.fill_(1);
    block.feed_forward->layer_norm->weight.fill_(1);
  }
  encoder->final_layer_norm->weight.fill_(1);
}

}  // namespace magnet
