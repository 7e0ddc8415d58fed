#include "model/layers/uninitialized_weights.h"

namespace magnet {
namespace {

thread_local bool leave_uninitialized = false;

}  // namespace

UninitializedWeights::UninitializedWeights() : outer_(leave_uninitialized) {
  leave_uninitialized = true;
}

UninitializedWeights::~UninitializedWeights() { leave_uninitialized = outer_; }

bool UninitializedWeights::active() { return leave_uninitialized; }

torch::Tensor NewConstantWeight(at::IntArrayRef sizes, double value) {
  torch::Tensor weight = torch::empty(sizes);
  if (!UninitializedWeights::active()) weight.fill_(value);
  return weight;
}

torch::Tensor NewUniformWeight(at::IntArrayRef sizes, double bound) {
  torch::Tensor weight = torch::empty(sizes);
  if (!UninitializedWeights::active()) weight.uniform_(-bound, bound);
  return weight;
}

}  // namespace magnet
