#include "model/encodec/residual_vector_quantizer.h"

#include <string>

#include "model/encodec/nested_module.h"

namespace magnet {
namespace {

// x [n, D], centroids [C, D] -> codes [n].
torch::Tensor NearestCentroids(const torch::Tensor& x, const torch::Tensor& centroids) {
  // Squared distances, the term of x included: dropping it changes the
  // rounding, and with it which of two near centroids wins.
  const torch::Tensor distances = x.pow(2).sum(/*dim=*/1, /*keepdim=*/true) -
                                  2 * torch::matmul(x, centroids.t()) +
                                  centroids.pow(2).sum(/*dim=*/1);
  return distances.argmin(/*dim=*/1);
}

}  // namespace

ResidualVectorQuantizerImpl::ResidualVectorQuantizerImpl(const CodecConfig& config) {
  auto layers = std::make_shared<torch::nn::Module>();
  for (int k = 0; k < config.num_codebooks; ++k) {
    auto codebook = std::make_shared<torch::nn::Module>();
    codebook->register_buffer("embed", torch::zeros({config.codebook_size, config.dimension}));
    layers->register_module(std::to_string(k), NestedModule("_codebook", codebook).ptr());
    codebooks_.push_back(std::move(codebook));
  }
  register_module("vq", NestedModule("layers", layers));
}

torch::Tensor ResidualVectorQuantizerImpl::centroids(int k) const {
  return codebooks_.at(static_cast<size_t>(k))->named_buffers(/*recurse=*/false)["embed"];
}

torch::Tensor ResidualVectorQuantizerImpl::Encode(const torch::Tensor& latent) const {
  const torch::NoGradGuard no_grad;
  const int64_t num_frames = latent.size(2);
  torch::Tensor residual = latent.transpose(1, 2).reshape({-1, latent.size(1)});  // [B T, D]
  std::vector<torch::Tensor> codes;                                               // K of [B, T]
  for (int k = 0; k < num_codebooks(); ++k) {
    const torch::Tensor nearest = NearestCentroids(residual, centroids(k));
    residual = residual - torch::embedding(centroids(k), nearest);
    codes.push_back(nearest.view({latent.size(0), num_frames}));
  }
  return torch::stack(codes, /*dim=*/1);
}

torch::Tensor ResidualVectorQuantizerImpl::Decode(const torch::Tensor& codes) const {
  const torch::NoGradGuard no_grad;
  torch::Tensor sum = torch::embedding(centroids(0), codes.select(/*dim=*/1, /*index=*/0));
  for (int k = 1; k < codes.size(1); ++k) {
    sum += torch::embedding(centroids(k), codes.select(/*dim=*/1, k));
  }
  return sum.transpose(1, 2).contiguous();
}

}  // namespace magnet
