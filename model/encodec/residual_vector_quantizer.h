// Residual vector quantizer: a vector as the sum of one centroid per codebook.
#ifndef MAGNET_MODEL_ENCODEC_RESIDUAL_VECTOR_QUANTIZER_H_
#define MAGNET_MODEL_ENCODEC_RESIDUAL_VECTOR_QUANTIZER_H_

#include <memory>
#include <vector>

#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// Centroids are buffers, `vq.layers.{k}._codebook.embed` [codebook_size,
// dimension]: no gradient reaches them. Neither function is differentiable;
// who trains adds the straight-through step and the codebooks' moving averages.
// Source: arXiv 2107.03312, algorithm 1.
class ResidualVectorQuantizerImpl : public torch::nn::Module {
 public:
  // Centroids begin as zeros.
  explicit ResidualVectorQuantizerImpl(const CodecConfig& config);

  // latent [B, dimension, T] -> codes [B, K, T], int64. Codebook by codebook
  // the centroid nearest (Euclidean) to what is left of the vector; the lower
  // code on a tie.
  torch::Tensor Encode(const torch::Tensor& latent) const;

  // codes [B, k, T] with 1 <= k <= K and values in [0, codebook_size) ->
  // latent [B, dimension, T], the sum of the first k codebooks' centroids.
  torch::Tensor Decode(const torch::Tensor& codes) const;

  // Centroids of codebook k: [codebook_size, dimension], the buffer itself.
  // Write it in place; it keeps its place when the module moves to a device.
  torch::Tensor centroids(int k) const;
  int num_codebooks() const { return static_cast<int>(codebooks_.size()); }

 private:
  std::vector<std::shared_ptr<torch::nn::Module>> codebooks_;  // K, each with buffer `embed`
};
TORCH_MODULE(ResidualVectorQuantizer);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_RESIDUAL_VECTOR_QUANTIZER_H_
