// The two attentions of a layer. Heads are H, the width of a head is D/H.
#ifndef MAGNET_MODEL_MAGNET_ATTENTION_H_
#define MAGNET_MODEL_MAGNET_ATTENTION_H_

#include <vector>

#include "model/layers/linear.h"
#include "model/magnet/range_attention.h"
#include "model/torch.h"

namespace magnet {

// Keys and values of one layer's cross-attention: the text, projected.
struct LayerKv {
  torch::Tensor keys;    // [B, H, S, D/H]
  torch::Tensor values;  // [B, H, S, D/H]
};

// What each query attends to; an empty one: to everything.
struct Visibility {
  torch::Tensor mask{};            // [M, N] bool, true: attends; or undefined
  std::vector<KeyRange> ranges{};  // M, instead of a mask; or empty
};

// [B, N, D] -> [B, H, N, D/H]
torch::Tensor SplitHeads(const torch::Tensor& x, int num_heads);

// Attention by head between what was projected, side by side again: q [B, M, D], k and v
// [B, N, D] -> [B, M, D]. `packed`: for generation by PackedWeight, where the number of queries
// varies.
torch::Tensor AttendByHeads(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                            const Visibility& visibility, int num_heads, bool packed = false);

// The same to a text; `score_bias` as in CrossAttentionImpl::forward.
torch::Tensor AttendToText(const torch::Tensor& q, const LayerKv& text,
                           const torch::Tensor& score_bias, bool packed = false);

// What an attention stacks into one weight: queries, keys and values.
class InProjection {
 public:
  InProjection() = default;
  // The parameters [3D, D], and [3D] or undefined. Shares them.
  InProjection(torch::Tensor weight, torch::Tensor bias);

  torch::Tensor Queries(const torch::Tensor& x) const;                     // [..., D] -> [..., D]
  std::vector<torch::Tensor> KeysAndValues(const torch::Tensor& x) const;  // two of [..., D]
  std::vector<torch::Tensor> All(const torch::Tensor& x) const;            // three of [..., D]

  torch::Tensor value_bias() const;  // [D] or undefined

  // As DenseImpl::Pack.
  void Pack();
  bool packed() const { return packed_queries_.defined(); }

 private:
  torch::Tensor weight_, bias_;
  int64_t dim_ = 0;
  PackedWeight packed_queries_, packed_keys_and_values_;
};

// Attention of frames to frames.
class SelfAttentionImpl : public torch::nn::Module {
 public:
  SelfAttentionImpl(int dim, int num_heads, bool bias);

  // x [B, N, D] -> [B, M, D], the outputs of the rows that `query_rows` [M]
  // (int64) names; undefined: of all, M = N. Ranges need a CPU and no
  // gradients.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& query_rows,
                        const Visibility& visibility);

  // As DenseImpl::Pack.
  void Pack();

 private:
  // Queries of the rows `query_rows`, or of all; keys and values of all.
  std::vector<torch::Tensor> Project(const torch::Tensor& x, const torch::Tensor& query_rows) const;

  const int num_heads_;
  InProjection in_proj_;     // in_proj_weight, in_proj_bias
  Dense out_proj_{nullptr};  // D -> D
};
TORCH_MODULE(SelfAttention);

// Attention of frames to text.
class CrossAttentionImpl : public torch::nn::Module {
 public:
  CrossAttentionImpl(int dim, int num_heads, bool bias);

  // Projects conditions [B, S, D] once for all passes that use them.
  LayerKv Project(const torch::Tensor& conditions);

  // x [B, M, D] -> [B, M, D]. `score_bias` broadcasts to [B, H, M, S]: numbers
  // are added to the attention scores (log weights of prompts), of bools those that are
  // true are attended to; or it is undefined.
  torch::Tensor forward(const torch::Tensor& x, const LayerKv& text,
                        const torch::Tensor& score_bias);

  // What forward gives for the null condition, whose vectors are all zero: with
  // every key equal, each frame receives the value bias. [D]; undefined without
  // biases, where it is zero.
  torch::Tensor NullOutput();

  // As DenseImpl::Pack.
  void Pack();

 private:
  const int num_heads_;
  InProjection in_proj_;     // in_proj_weight, in_proj_bias
  Dense out_proj_{nullptr};  // D -> D
};
TORCH_MODULE(CrossAttention);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_ATTENTION_H_
