// A layer of the transformer in 8 bits, for inference on a CPU (model/int8).
//
//   x += out_proj(attention of (q, k, v)(quantized norm1(x)))
//   x += out_proj(attention of q(quantized norm_cross(x)) to the text)
//   x += linear2(quantized gelu(linear1(quantized norm2(x))))
//
// Products are of 8-bit numbers; norms, attention, GELU and the sum x in float32.
#ifndef MAGNET_MODEL_MAGNET_INT8_LAYER_H_
#define MAGNET_MODEL_MAGNET_INT8_LAYER_H_

#include <memory>
#include <string>

#include "model/int8/int8_weight.h"
#include "model/magnet/attention.h"
#include "model/torch.h"

namespace magnet {

class Int8Layer {
 public:
  // Takes the weights of a TransformerLayerImpl by their names; those of its products have no
  // elements afterwards. Norms are shared.
  Int8Layer(torch::nn::Module& layer, int num_heads);

  // x [B, N, D] float32 becomes [B, M, D]: as SelfAttentionImpl::forward, added.
  void AddSelfAttention(torch::Tensor& x, const torch::Tensor& query_rows,
                        const Visibility& visibility) const;
  // As CrossAttentionImpl::Project, forward (added to x [B, M, D], contiguous) and NullOutput.
  LayerKv ProjectText(const torch::Tensor& conditions) const;
  void AddCrossAttention(torch::Tensor& x, const LayerKv& text,
                         const torch::Tensor& score_bias) const;
  const torch::Tensor& null_output() const { return null_output_; }
  void AddFeedForward(torch::Tensor& x) const;

  int64_t num_bytes() const;  // of the weights

 private:
  struct Attention {
    Int8Weight queries;          // D -> D
    Int8Weight keys_and_values;  // D -> 2D
    Int8Weight out;              // D -> D

    int64_t num_bytes() const;
  };
  static Attention TakeAttention(torch::nn::Module& layer, const std::string& name);

  const int num_heads_;
  Attention self_, cross_;
  Int8Weight linear1_, linear2_;  // D -> ffn_dim -> D
  std::shared_ptr<torch::nn::LayerNormImpl> norm1_, norm_cross_, norm2_;
  torch::Tensor null_output_;  // [D] float32, or undefined
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_INT8_LAYER_H_
