// A codec by itself on disk: codec.json (the "codec" object of a bundle's
// config.json) and codec.safetensors. A bundle's folder will do as well.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_CODEC_FOLDER_H_
#define MAGNET_TRAIN_CODEC_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "model/encodec/encodec_model.h"
#include "model/model_config.h"

namespace magnet {

struct CodecFiles {
  CodecConfig config;
  TensorMap tensors;        // as in a bundle's codec.safetensors
  std::string fingerprint;  // SHA-256 of sizes and centroids: codes of one codec
                            // mean nothing to another
};

// Errors name the file.
absl::StatusOr<CodecFiles> ReadCodecFolder(const std::string& folder);

// Writes both files atomically, creating the folder; floats as float32.
absl::Status WriteCodecFolder(const CodecConfig& config, const TensorMap& tensors,
                              const std::string& folder);

// The model with its weights, in evaluation mode.
absl::StatusOr<EncodecModel> MakeCodec(const CodecFiles& files);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODEC_FOLDER_H_
