// Internal to targets that use LibTorch.
#ifndef MAGNET_MODEL_TORCH_TYPE_H_
#define MAGNET_MODEL_TORCH_TYPE_H_

#include "model/precision.h"
#include "model/torch.h"

namespace magnet {

// Of any precision but kAuto, which names no type.
inline torch::Dtype TorchType(Precision precision) {
  TORCH_CHECK(precision != Precision::kAuto, "a precision that is not chosen yet has no type");
  if (precision == Precision::kBFloat16) return torch::kBFloat16;
  return precision == Precision::kFloat16 ? torch::kHalf : torch::kFloat;
}

}  // namespace magnet

#endif  // MAGNET_MODEL_TORCH_TYPE_H_
