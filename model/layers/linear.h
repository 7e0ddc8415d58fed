// Dense layers and embeddings whose first values are drawn only when they are
// wanted (uninitialized_weights.h).
#ifndef MAGNET_MODEL_LAYERS_LINEAR_H_
#define MAGNET_MODEL_LAYERS_LINEAR_H_

#include "model/layers/packed_weight.h"
#include "model/torch.h"

namespace magnet {

// x [..., in] -> x weight^T + bias [..., out]. Weights start uniform in
// +-1/sqrt(in), the bias at zero.
class DenseImpl : public torch::nn::Module {
 public:
  DenseImpl(int in, int out, bool with_bias);

  torch::Tensor forward(const torch::Tensor& x);
  // gelu(forward(x)); where the weight is packed, in one pass.
  torch::Tensor ForwardGelu(const torch::Tensor& x);

  // For inference, once the weight is final: see PackedWeight. `weight` has no
  // elements afterwards.
  void Pack();

  torch::Tensor weight;  // [out, in]
  torch::Tensor bias;    // [out], or undefined

 private:
  PackedWeight packed_;
};
TORCH_MODULE(Dense);

// ids [...] -> rows [..., dim]. Rows start as a standard normal scaled by
// dim^-0.5, so that a sum of a few of them has about unit length.
class TokenEmbeddingImpl : public torch::nn::Module {
 public:
  TokenEmbeddingImpl(int num_ids, int dim);

  torch::Tensor forward(const torch::Tensor& ids) { return torch::embedding(weight, ids); }

  torch::Tensor weight;  // [num_ids, dim]
};
TORCH_MODULE(TokenEmbedding);

// [out, in], set as DenseImpl's weight is; for layers that hold one themselves.
torch::Tensor NewDenseWeight(int out, int in);

// Leaves a parameter its type and place, and none of its memory.
void DropElements(torch::Tensor& parameter);

}  // namespace magnet

#endif  // MAGNET_MODEL_LAYERS_LINEAR_H_
