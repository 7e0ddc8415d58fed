#include "model/magnet/attention.h"

#include <cmath>
#include <limits>

namespace magnet {
namespace {

// [B, N, D] -> [B, H, N, D/H]
torch::Tensor SplitHeads(const torch::Tensor& x, int num_heads) {
  return x.view({x.size(0), x.size(1), num_heads, -1}).transpose(1, 2);
}

// [B, H, N, D/H] -> [B, N, D]
torch::Tensor MergeHeads(const torch::Tensor& x) { return x.transpose(1, 2).flatten(2); }

// Rows [part * D, (part + count) * D) of a stacked projection.
torch::Tensor ProjectParts(const torch::Tensor& x, const torch::Tensor& weight,
                           const torch::Tensor& bias, int part, int count) {
  const int64_t dim = weight.size(1);
  return torch::linear(x, weight.narrow(0, part * dim, count * dim),
                       bias.defined() ? bias.narrow(0, part * dim, count * dim) : bias);
}

// softmax(q k^T / sqrt(width) + mask) v as whole products. In bfloat16 on a CPU, LibTorch's
// fused attention calls thousands of tiny ones a pass, each with its own set-up.
torch::Tensor AttendByProducts(const torch::Tensor& q, const torch::Tensor& k,
                               const torch::Tensor& v, const torch::Tensor& mask) {
  torch::Tensor scores = torch::matmul(q / std::sqrt(q.size(-1)), k.transpose(-2, -1));
  if (mask.defined()) {
    scores = mask.scalar_type() == torch::kBool
                 ? scores.masked_fill(mask.logical_not(), -std::numeric_limits<float>::infinity())
                 : scores + mask;
  }
  return torch::matmul(scores.softmax(-1), v);
}

torch::Tensor Attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                     const torch::Tensor& mask) {
  if (q.is_cpu() && q.scalar_type() == torch::kBFloat16) return AttendByProducts(q, k, v, mask);
  const c10::optional<torch::Tensor> optional_mask =
      mask.defined() ? c10::make_optional(mask) : c10::nullopt;
  return torch::scaled_dot_product_attention(q, k, v, optional_mask);
}

}  // namespace

SelfAttentionImpl::SelfAttentionImpl(int dim, int num_heads, bool bias) : num_heads_(num_heads) {
  in_proj_weight_ = register_parameter("in_proj_weight", NewDenseWeight(3 * dim, dim));
  if (bias) in_proj_bias_ = register_parameter("in_proj_bias", torch::zeros({3 * dim}));
  out_proj_ = register_module("out_proj", Dense(dim, dim, bias));
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& query_rows,
                                         const Visibility& visibility) {
  torch::Tensor q, k, v;
  if (query_rows.defined()) {
    q = ProjectParts(x.index_select(1, query_rows), in_proj_weight_, in_proj_bias_, 0, 1);
    const auto kv = ProjectParts(x, in_proj_weight_, in_proj_bias_, 1, 2).chunk(2, -1);
    k = kv[0];
    v = kv[1];
  } else {
    const auto qkv = torch::linear(x, in_proj_weight_, in_proj_bias_).chunk(3, -1);
    q = qkv[0];
    k = qkv[1];
    v = qkv[2];
  }
  if (!visibility.ranges.empty()) {
    const torch::Tensor attended =
        AttendToRanges(q.to(torch::kFloat), k.to(torch::kFloat), v.to(torch::kFloat),
                       visibility.ranges, num_heads_);
    return out_proj_(attended.to(q.scalar_type()));
  }
  const torch::Tensor attended = Attend(SplitHeads(q, num_heads_), SplitHeads(k, num_heads_),
                                        SplitHeads(v, num_heads_), visibility.mask);
  return out_proj_(MergeHeads(attended));
}

CrossAttentionImpl::CrossAttentionImpl(int dim, int num_heads, bool bias) : num_heads_(num_heads) {
  in_proj_weight_ = register_parameter("in_proj_weight", NewDenseWeight(3 * dim, dim));
  if (bias) in_proj_bias_ = register_parameter("in_proj_bias", torch::zeros({3 * dim}));
  out_proj_ = register_module("out_proj", Dense(dim, dim, bias));
}

LayerKv CrossAttentionImpl::Project(const torch::Tensor& conditions) {
  const auto kv = ProjectParts(conditions, in_proj_weight_, in_proj_bias_, 1, 2).chunk(2, -1);
  return {SplitHeads(kv[0], num_heads_), SplitHeads(kv[1], num_heads_)};
}

torch::Tensor CrossAttentionImpl::forward(const torch::Tensor& x, const LayerKv& text,
                                          const torch::Tensor& score_bias) {
  const torch::Tensor q =
      SplitHeads(ProjectParts(x, in_proj_weight_, in_proj_bias_, 0, 1), num_heads_);
  return out_proj_(MergeHeads(Attend(q, text.keys, text.values, score_bias)));
}

torch::Tensor CrossAttentionImpl::NullOutput() {
  if (!in_proj_bias_.defined()) return {};
  const int64_t dim = in_proj_weight_.size(1);
  return out_proj_(in_proj_bias_.narrow(0, 2 * dim, dim));
}

}  // namespace magnet
