// Which tensors a configuration calls for: names and shapes, known without
// building a module.
#ifndef MAGNET_MODEL_CHECKPOINT_TENSOR_SHAPES_H_
#define MAGNET_MODEL_CHECKPOINT_TENSOR_SHAPES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/checkpoint/tensor_map.h"
#include "model/model_config.h"

namespace magnet {

using TensorShapes = std::map<std::string, std::vector<int64_t>>;

// The tensors of a bundle's files (model/bundle.h has the names). The configs
// must have passed CheckModelConfig.
TensorShapes LmTensorShapes(const LmConfig& config);
TensorShapes CodecTensorShapes(const CodecConfig& config);
TensorShapes TextEncoderTensorShapes(const TextEncoderConfig& config);

// INVALID_ARGUMENT that opens with `source` and lists every tensor that is
// missing, left over or misshapen.
absl::Status CheckTensorShapes(const TensorMap& tensors, const std::string& source,
                               const TensorShapes& expected);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_TENSOR_SHAPES_H_
