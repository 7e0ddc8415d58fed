// Folders in Hugging Face's layout: config.json with model.safetensors or
// pytorch_model.bin.
#ifndef MAGNET_MODEL_CHECKPOINT_HUGGINGFACE_IMPORT_H_
#define MAGNET_MODEL_CHECKPOINT_HUGGINGFACE_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/audiocraft_import.h"
#include "model/checkpoint/tensor_map.h"
#include "model/model_config.h"

namespace magnet {

struct ImportedTextEncoder {
  TextEncoderConfig config;
  TensorMap tensors;         // exactly TextEncoderTensorShapes(config)
  std::string spiece_model;  // bytes of spiece.model
};

// A T5 model's encoder; `decoder.*` and `lm_head.weight` are left behind.
absl::StatusOr<ImportedTextEncoder> ImportHuggingFaceT5(const std::string& folder);

// An EnCodec model, renamed as audiocraft does. Keeps the first `num_codebooks`
// codebooks (0: all).
absl::StatusOr<ImportedCodec> ImportHuggingFaceEncodec(const std::string& folder,
                                                       int num_codebooks);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_HUGGINGFACE_IMPORT_H_
