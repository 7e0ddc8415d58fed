// The safetensors format: an 8-byte length, a JSON header, the tensors' bytes.
// (github.com/huggingface/safetensors)
#ifndef MAGNET_MODEL_CHECKPOINT_SAFETENSORS_H_
#define MAGNET_MODEL_CHECKPOINT_SAFETENSORS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/file_bytes.h"
#include "model/checkpoint/tensor_map.h"

namespace magnet {

struct SafetensorsFile {
  TensorMap tensors;  // views of the mapped file, which they keep alive
  std::map<std::string, std::string> metadata;
};

// Types F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL. The header is
// checked whole before any tensor is made: tensors must tile the data exactly.
// INVALID_ARGUMENT names the file, the tensor and what is wrong with it.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path);
absl::StatusOr<SafetensorsFile> ParseSafetensors(std::shared_ptr<FileBytes> file);

struct SafetensorsWriteOptions {
  std::map<std::string, std::string> metadata;
  // Where set, floating tensors are stored as this type (one at a time, so that
  // no second copy of a model is in memory).
  std::optional<torch::Dtype> floating_dtype;
};

// Writes atomically.
absl::Status WriteSafetensors(const TensorMap& tensors, const SafetensorsWriteOptions& options,
                              const std::string& path);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_SAFETENSORS_H_
