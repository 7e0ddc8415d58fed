#include "model/layers/uninitialized_weights.h"

#include <sys/mman.h>

#include <functional>
#include <numeric>

namespace magnet {
namespace {

thread_local bool leave_uninitialized = false;

// Mapped by itself: the heap would keep what is freed once the weights are packed (model/heap.h).
torch::Tensor NewUnsetWeight(at::IntArrayRef sizes) {
  constexpr size_t kLeastMapped = size_t{1} << 20;
  const size_t bytes =
      std::accumulate(sizes.begin(), sizes.end(), sizeof(float), std::multiplies<>());
  if (bytes < kLeastMapped) return torch::empty(sizes);
  void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(data != MAP_FAILED, "no memory for a weight of ", bytes, " bytes");
  return torch::from_blob(
      data, sizes, [bytes](void* mapped) { munmap(mapped, bytes); }, torch::kFloat);
}

// As it was allocated, or filled by `draw`.
torch::Tensor NewWeight(at::IntArrayRef sizes, const std::function<void(torch::Tensor&)>& draw) {
  if (leave_uninitialized) return NewUnsetWeight(sizes);
  torch::Tensor weight = torch::empty(sizes);
  draw(weight);
  return weight;
}

}  // namespace

UninitializedWeights::UninitializedWeights() : outer_(leave_uninitialized) {
  leave_uninitialized = true;
}

UninitializedWeights::~UninitializedWeights() { leave_uninitialized = outer_; }

bool UninitializedWeights::active() { return leave_uninitialized; }

torch::Tensor NewConstantWeight(at::IntArrayRef sizes, double value) {
  return NewWeight(sizes, [&](torch::Tensor& weight) { weight.fill_(value); });
}

torch::Tensor NewUniformWeight(at::IntArrayRef sizes, double bound) {
  return NewWeight(sizes, [&](torch::Tensor& weight) { weight.uniform_(-bound, bound); });
}

torch::Tensor NewNormalWeight(at::IntArrayRef sizes, double deviation) {
  return NewWeight(sizes, [&](torch::Tensor& weight) { weight.normal_(0.0, deviation); });
}

}  // namespace magnet
