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
  torch::Tensor mask;            // [M, N] bool, true: attends; or undefined
  std::vector<KeyRange> ranges;  // M, instead of a mask; or empty
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

 private:
  const int num_heads_;
  torch::Tensor in_proj_weight_;  // [3D, D]: queries, keys, values
  torch::Tensor in_proj_bias_;    // [3D] or undefined
  Dense out_proj_{nullptr};       // D -> D
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

 private:
  const int num_heads_;
  torch::Tensor in_proj_weight_;  // [3D, D]: queries, keys, values
  torch::Tensor in_proj_bias_;    // [3D] or undefined
  Dense out_proj_{nullptr};       // D -> D
};
TORCH_MODULE(CrossAttention);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_ATTENTION_H_
