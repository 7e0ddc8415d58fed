// Weight normalization, folded into plain weights.
#ifndef MAGNET_MODEL_CHECKPOINT_WEIGHT_NORM_H_
#define MAGNET_MODEL_CHECKPOINT_WEIGHT_NORM_H_

#include <string>

#include "absl/status/status.h"
#include "model/checkpoint/tensor_map.h"

namespace magnet {

// Replaces each pair `X.weight_g`, `X.weight_v` (or
// `X.parametrizations.weight.original0`, `...original1`) by
// `X.weight` = g * v / |v|, the norm taken over all dimensions but the first,
// in float32. INVALID_ARGUMENT, which opens with `source`, lists halves without
// their other half and pairs whose shapes do not go together.
absl::Status FoldWeightNorm(TensorMap& tensors, const std::string& source);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_WEIGHT_NORM_H_
