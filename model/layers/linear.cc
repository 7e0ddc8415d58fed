#include "model/layers/linear.h"

#include <cmath>

#include "model/layers/uninitialized_weights.h"

namespace magnet {
torch::Tensor NewDenseWeight(int out, int in) {
  return NewUniformWeight({out, in}, 1.0 / std::sqrt(static_cast<double>(in)));
}

DenseImpl::DenseImpl(int in, int out, bool with_bias) {
  weight = register_parameter("weight", NewDenseWeight(out, in));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor DenseImpl::forward(const torch::Tensor& x) {
  return packed_.defined() ? packed_.Multiply(x, bias) : torch::linear(x, weight, bias);
}

torch::Tensor DenseImpl::ForwardGelu(const torch::Tensor& x) {
  return packed_.defined() ? packed_.Multiply(x, bias, Activation::kGelu)
                           : torch::gelu(torch::linear(x, weight, bias));
}

void DenseImpl::Pack() {
  packed_ = PackedWeight(weight);
  DropElements(weight);
}

void DropElements(torch::Tensor& parameter) {
  parameter.set_data(torch::empty({0}, parameter.options()));
}

TokenEmbeddingImpl::TokenEmbeddingImpl(int num_ids, int dim) {
  weight = register_parameter(
      "weight", NewNormalWeight({num_ids, dim}, 1.0 / std::sqrt(static_cast<double>(dim))));
}

}  // namespace magnet
