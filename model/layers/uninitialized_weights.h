// Whether new modules draw first values: a model that is loaded from a file need
// not initialise 500 million weights before it overwrites them.
#ifndef MAGNET_MODEL_LAYERS_UNINITIALIZED_WEIGHTS_H_
#define MAGNET_MODEL_LAYERS_UNINITIALIZED_WEIGHTS_H_

#include "model/torch.h"

namespace magnet {

// While one lives, the modules that its thread constructs leave the weights
// unset that a checkpoint fills. May be nested.
class UninitializedWeights {
 public:
  UninitializedWeights();
  ~UninitializedWeights();
  UninitializedWeights(const UninitializedWeights&) = delete;
  UninitializedWeights& operator=(const UninitializedWeights&) = delete;

  static bool active();

 private:
  const bool outer_;
};

// A new float32 tensor of `sizes`: of one value, or drawn by torch's global generator, uniformly
// from [-bound, bound] or normally; unset while UninitializedWeights is active. Then it takes no
// memory until it is written to, and gives it back to the system when it is freed.
torch::Tensor NewConstantWeight(at::IntArrayRef sizes, double value);
torch::Tensor NewUniformWeight(at::IntArrayRef sizes, double bound);
torch::Tensor NewNormalWeight(at::IntArrayRef sizes, double deviation);

}  // namespace magnet

#endif  // MAGNET_MODEL_LAYERS_UNINITIALIZED_WEIGHTS_H_
