#include "model/magnet/attention.h"

#include <cmath>
#include <limits>
#include <utility>

#include "model/magnet/full_attention.h"

namespace magnet {
namespace {

// [B, H, N, D/H] -> [B, N, D]
torch::Tensor MergeHeads(const torch::Tensor& x) { return x.transpose(1, 2).flatten(2); }

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

// The same by LibTorch's fused attention.
torch::Tensor AttendFused(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                          const torch::Tensor& mask) {
  const c10::optional<torch::Tensor> optional_mask =
      mask.defined() ? c10::make_optional(mask) : c10::nullopt;
  return torch::scaled_dot_product_attention(q, k, v, optional_mask);
}

// For any number of queries in float32: for bfloat16 products, oneDNN would write a program for
// each number.
torch::Tensor AttendInFloat32(const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, const torch::Tensor& mask) {
  const bool adds = mask.defined() && mask.scalar_type() != torch::kBool;
  return AttendFused(q.to(torch::kFloat), k.to(torch::kFloat), v.to(torch::kFloat),
                     adds ? mask.to(torch::kFloat) : mask)
      .to(q.scalar_type());
}

// `packed`: for generation, where the number of queries varies.
torch::Tensor Attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                     const torch::Tensor& mask, bool packed) {
  if (q.is_cpu() && q.scalar_type() == torch::kBFloat16) {
    const bool whole = !packed || q.size(2) == k.size(2);
    return whole ? AttendByProducts(q, k, v, mask) : AttendInFloat32(q, k, v, mask);
  }
  return AttendFused(q, k, v, mask);
}

InProjection RegisterInProjection(torch::nn::Module& attention, int dim, bool bias) {
  torch::Tensor weight =
      attention.register_parameter("in_proj_weight", NewDenseWeight(3 * dim, dim));
  if (!bias) return {std::move(weight), {}};
  return {std::move(weight),
          attention.register_parameter("in_proj_bias", torch::zeros({int64_t{3} * dim}))};
}

}  // namespace

torch::Tensor SplitHeads(const torch::Tensor& x, int num_heads) {
  return x.view({x.size(0), x.size(1), num_heads, -1}).transpose(1, 2);
}

torch::Tensor AttendByHeads(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                            const Visibility& visibility, int num_heads, bool packed) {
  if (!visibility.ranges.empty()) {
    return AttendToRanges(q.to(torch::kFloat), k.to(torch::kFloat), v.to(torch::kFloat),
                          visibility.ranges, num_heads)
        .to(q.scalar_type());
  }
  if (!visibility.mask.defined() && CanAttendToAll(q, num_heads)) {
    return AttendToAll(q, k, v, num_heads);
  }
  return MergeHeads(Attend(SplitHeads(q, num_heads), SplitHeads(k, num_heads),
                           SplitHeads(v, num_heads), visibility.mask, packed));
}

torch::Tensor AttendToText(const torch::Tensor& q, const LayerKv& text,
                           const torch::Tensor& score_bias, bool packed) {
  const int num_heads = static_cast<int>(text.keys.size(1));
  if (!score_bias.defined()) {
    // In bfloat16 too, for AttendInFloat32's reason.
    const torch::Tensor queries = packed ? q.to(torch::kFloat) : q;
    if (CanAttendToAll(queries, num_heads)) {
      return AttendToAll(queries, MergeHeads(text.keys).to(torch::kFloat),
                         MergeHeads(text.values).to(torch::kFloat), num_heads)
          .to(q.scalar_type());
    }
  }
  return MergeHeads(Attend(SplitHeads(q, num_heads), text.keys, text.values, score_bias, packed));
}

InProjection::InProjection(torch::Tensor weight, torch::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)), dim_(weight_.size(1)) {}

torch::Tensor InProjection::Queries(const torch::Tensor& x) const {
  const torch::Tensor bias = bias_.defined() ? bias_.narrow(0, 0, dim_) : bias_;
  if (packed()) return packed_queries_.Multiply(x, bias);
  return torch::linear(x, weight_.narrow(0, 0, dim_), bias);
}

std::vector<torch::Tensor> InProjection::KeysAndValues(const torch::Tensor& x) const {
  const torch::Tensor bias = bias_.defined() ? bias_.narrow(0, dim_, 2 * dim_) : bias_;
  const torch::Tensor both = packed() ? packed_keys_and_values_.Multiply(x, bias)
                                      : torch::linear(x, weight_.narrow(0, dim_, 2 * dim_), bias);
  return both.chunk(2, -1);
}

std::vector<torch::Tensor> InProjection::All(const torch::Tensor& x) const {
  if (!packed()) return torch::linear(x, weight_, bias_).chunk(3, -1);
  const auto keys_and_values = KeysAndValues(x);
  return {Queries(x), keys_and_values[0], keys_and_values[1]};
}

torch::Tensor InProjection::value_bias() const {
  return bias_.defined() ? bias_.narrow(0, 2 * dim_, dim_) : bias_;
}

void InProjection::Pack() {
  packed_queries_ = PackedWeight(weight_.narrow(0, 0, dim_));
  packed_keys_and_values_ = PackedWeight(weight_.narrow(0, dim_, 2 * dim_));
  DropElements(weight_);
}

SelfAttentionImpl::SelfAttentionImpl(int dim, int num_heads, bool bias)
    : num_heads_(num_heads), in_proj_(RegisterInProjection(*this, dim, bias)) {
  out_proj_ = register_module("out_proj", Dense(dim, dim, bias));
}

void SelfAttentionImpl::Pack() {
  in_proj_.Pack();
  out_proj_->Pack();
}

std::vector<torch::Tensor> SelfAttentionImpl::Project(const torch::Tensor& x,
                                                      const torch::Tensor& query_rows) const {
  if (!query_rows.defined()) return in_proj_.All(x);
  const auto keys_and_values = in_proj_.KeysAndValues(x);
  return {in_proj_.Queries(x.index_select(1, query_rows)), keys_and_values[0], keys_and_values[1]};
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& query_rows,
                                         const Visibility& visibility) {
  const auto qkv = Project(x, query_rows);
  return out_proj_(
      AttendByHeads(qkv[0], qkv[1], qkv[2], visibility, num_heads_, in_proj_.packed()));
}

CrossAttentionImpl::CrossAttentionImpl(int dim, int num_heads, bool bias)
    : num_heads_(num_heads), in_proj_(RegisterInProjection(*this, dim, bias)) {
  out_proj_ = register_module("out_proj", Dense(dim, dim, bias));
}

void CrossAttentionImpl::Pack() {
  in_proj_.Pack();
  out_proj_->Pack();
}

LayerKv CrossAttentionImpl::Project(const torch::Tensor& conditions) {
  const auto kv = in_proj_.KeysAndValues(conditions);
  return {SplitHeads(kv[0], num_heads_), SplitHeads(kv[1], num_heads_)};
}

torch::Tensor CrossAttentionImpl::forward(const torch::Tensor& x, const LayerKv& text,
                                          const torch::Tensor& score_bias) {
  return out_proj_(AttendToText(in_proj_.Queries(x), text, score_bias, in_proj_.packed()));
}

torch::Tensor CrossAttentionImpl::NullOutput() {
  const torch::Tensor value_bias = in_proj_.value_bias();
  return value_bias.defined() ? out_proj_(value_bias) : value_bias;
}

}  // namespace magnet
