// Tensors of one part among those of a whole, by the beginning of their names.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_TENSOR_PARTS_H_
#define MAGNET_TRAIN_TENSOR_PARTS_H_

#include <string>

#include "model/checkpoint/tensor_map.h"

namespace magnet {

// Of `tensors` those whose names begin with `prefix`, without it.
TensorMap TensorsUnder(const TensorMap& tensors, const std::string& prefix);

// Adds `part` to `tensors`, its names after `prefix`.
void AddTensorsUnder(const TensorMap& part, const std::string& prefix, TensorMap& tensors);

}  // namespace magnet

#endif  // MAGNET_TRAIN_TENSOR_PARTS_H_
