// The encoder half of T5: token ids to text states.
//
// Source: arXiv 1910.10683 and, for v1.1 and flan, arXiv 2002.05202; parameter
// names and arithmetic are those of Hugging Face's T5EncoderModel. Covers every
// T5, T5 v1.1 and flan-T5 encoder: sizes and the kind of feed-forward come from
// TextEncoderConfig.
//
// Internal to targets that use LibTorch. B batch, S tokens, D d_model, H heads.
#ifndef MAGNET_MODEL_T5_T5_ENCODER_H_
#define MAGNET_MODEL_T5_T5_ENCODER_H_

#include <cstdint>

#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// Buckets of the relative positions key - query from -(num_positions - 1) to
// num_positions - 1, in this order: [2 num_positions - 1] int64 on the CPU,
// each in [0, num_buckets). Half of the buckets are for keys after the query;
// of each half the first are of one distance, the others logarithmic up to
// `max_distance`, from where all share the last. num_buckets must be even, >=
// 4, max_distance > num_buckets / 4.
torch::Tensor RelativePositionBuckets(int64_t num_positions, int num_buckets, int max_distance);

// y = x W^T: T5 has no biases.
// The weight may be in a type of fewer bits than x.
class T5LinearImpl : public torch::nn::Module {
 public:
  T5LinearImpl(int64_t in_dim, int64_t out_dim);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  // [out_dim, in_dim]
};
TORCH_MODULE(T5Linear);

// Scales by 1 / root mean square, computed in float32: no mean, no bias.
class T5RmsNormImpl : public torch::nn::Module {
 public:
  T5RmsNormImpl(int64_t dim, double epsilon);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight;  // [D]

 private:
  double epsilon_;
};
TORCH_MODULE(T5RmsNorm);

// A lookup table: token embeddings and the bias by relative position.
class T5EmbeddingImpl : public torch::nn::Module {
 public:
  T5EmbeddingImpl(int64_t num_rows, int64_t dim);
  torch::Tensor forward(const torch::Tensor& ids);

  torch::Tensor weight;  // [num_rows, dim]
};
TORCH_MODULE(T5Embedding);

// Self-attention over scores that are not scaled by 1 / sqrt(d_kv).
class T5AttentionImpl : public torch::nn::Module {
 public:
  // Only the first layer has `relative_attention_bias`; all share it.
  T5AttentionImpl(const TextEncoderConfig& config, bool has_relative_attention_bias);

  // x [B, S, D], reversed_bias [1 or B, H, S, S] -> [B, S, D].
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& reversed_bias);

  // What each head adds to its scores, from the last query to the first:
  // [1, H, S, S], a view of 2S - 1 numbers a head. First layer only.
  torch::Tensor ReversedBias(int64_t num_tokens);

  T5Linear q{nullptr};                           // D -> H * d_kv
  T5Linear k{nullptr};                           // D -> H * d_kv
  T5Linear v{nullptr};                           // D -> H * d_kv
  T5Linear o{nullptr};                           // H * d_kv -> D
  T5Embedding relative_attention_bias{nullptr};  // [num_buckets, H], or null

 private:
  torch::Tensor SplitHeads(const torch::Tensor& x) const;  // [B, S, H d_kv] -> [B, H, S, d_kv]

  int num_heads_;
  int d_kv_;
  int num_buckets_;
  int max_distance_;
};
TORCH_MODULE(T5Attention);

// wo(relu(wi x)), or gated: wo(gelu(wi_0 x) * wi_1 x) with the tanh form of
// GELU.
class T5FeedForwardImpl : public torch::nn::Module {
 public:
  explicit T5FeedForwardImpl(const TextEncoderConfig& config);
  torch::Tensor forward(const torch::Tensor& x);  // [B, S, D] -> [B, S, D]

  T5Linear wi{nullptr};    // D -> d_ff; null where gated
  T5Linear wi_0{nullptr};  // D -> d_ff; null where not gated
  T5Linear wi_1{nullptr};  // D -> d_ff; null where not gated
  T5Linear wo{nullptr};    // d_ff -> D
};
TORCH_MODULE(T5FeedForward);

// The two sublayers of a block are `layer.0` and `layer.1` in the checkpoints:
// x + SelfAttention(layer_norm(x)) and x + DenseReluDense(layer_norm(x)).
class T5SelfAttentionLayerImpl : public torch::nn::Module {
 public:
  T5SelfAttentionLayerImpl(const TextEncoderConfig& config, bool has_relative_attention_bias);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& reversed_bias);

  T5Attention attention{nullptr};  // registered as SelfAttention
  T5RmsNorm layer_norm{nullptr};
};
TORCH_MODULE(T5SelfAttentionLayer);

class T5FeedForwardLayerImpl : public torch::nn::Module {
 public:
  explicit T5FeedForwardLayerImpl(const TextEncoderConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

  T5FeedForward feed_forward{nullptr};  // registered as DenseReluDense
  T5RmsNorm layer_norm{nullptr};
};
TORCH_MODULE(T5FeedForwardLayer);

class T5BlockImpl : public torch::nn::Module {
 public:
  T5BlockImpl(const TextEncoderConfig& config, bool has_relative_attention_bias);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& reversed_bias);

  T5SelfAttentionLayer self_attention{nullptr};  // layer.0
  T5FeedForwardLayer feed_forward{nullptr};      // layer.1
};
TORCH_MODULE(T5Block);

// The blocks and the norm after the last; registered as `encoder`.
class T5StackImpl : public torch::nn::Module {
 public:
  explicit T5StackImpl(const TextEncoderConfig& config);

  // x [B, S, D], attention_mask [B, S] or undefined -> [B, S, D].
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& attention_mask);

  torch::nn::ModuleList block;  // T5Block each
  T5RmsNorm final_layer_norm{nullptr};
};
TORCH_MODULE(T5Stack);

// The whole encoder.
//
// All weights are zero (norms: one; all unset under UninitializedWeights) until
// LoadModule fills them or ResetParameters draws them. Precise in float32; bfloat16 weights work as
// well, float16 overflows as T5 does. Not for more than one thread at a time.
// Throws c10::Error, as every torch module does.
class T5EncoderImpl : public torch::nn::Module {
 public:
  // `config` must hold positive sizes (CheckModelConfig).
  explicit T5EncoderImpl(const TextEncoderConfig& config);

  // input_ids [B, S] int64 in [0, vocab_size), on the device of the weights.
  // attention_mask [B, S]: tokens where it is 0 (false) are seen by none;
  // undefined: all are seen. Returns the states [B, S, D]; those of unseen
  // tokens are defined but meaningless. Gradients flow where they are enabled.
  torch::Tensor forward(const torch::Tensor& input_ids, const torch::Tensor& attention_mask = {});

  // Draws all weights from torch's global generator with the deviations of T5's
  // own initialization, for training from nothing.
  void ResetParameters();

  // Products' weights and token embeddings in a type of fewer bits, in which they were stored; what
  // is computed stays in float32. Twice the memory would hold nothing more, and a text is short:
  // widening a layer's weights when they are used costs little beside a clip.
  void KeepWeightsIn(torch::Dtype dtype);

  const TextEncoderConfig& config() const { return config_; }
  torch::Device device() const { return shared->weight.device(); }

  T5Embedding shared{nullptr};  // [vocab_size, D]
  T5Stack encoder{nullptr};

 private:
  TextEncoderConfig config_;
};
TORCH_MODULE(T5Encoder);

}  // namespace magnet

#endif  // MAGNET_MODEL_T5_T5_ENCODER_H_
