#include "model/layers/linear.h"

#include <cmath>

namespace magnet {
namespace {

thread_local bool leave_uninitialized = false;

}  // namespace

UninitializedWeights::UninitializedWeights() : outer_(leave_uninitialized) {
  leave_uninitialized = true;
}

UninitializedWeights::~UninitializedWeights() { leave_uninitialized = outer_; }

bool UninitializedWeights::active() { return leave_uninitialized; }

torch::Tensor NewDenseWeight(int out, int in) {
  torch::Tensor weight = torch::empty({out, in});
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  if (!UninitializedWeights::active()) weight.uniform_(-bound, bound);
  return weight;
}

DenseImpl::DenseImpl(int in, int out, bool with_bias) {
  weight = register_parameter("weight", NewDenseWeight(out, in));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

TokenEmbeddingImpl::TokenEmbeddingImpl(int num_ids, int dim) {
  torch::Tensor rows = torch::empty({num_ids, dim});
  if (!UninitializedWeights::active()) rows.normal_(0.0, 1.0 / std::sqrt(static_cast<double>(dim)));
  weight = register_parameter("weight", rows);
}

}  // namespace magnet
