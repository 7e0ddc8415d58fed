// A model on disk: a folder with
//   config.json  lm.safetensors  codec.safetensors  text_encoder.safetensors
//   spiece.model  README.md (model card)  [SHA256SUMS]
//
// Tensor names inside: lm as audiocraft's MagnetLMModel; codec as audiocraft's
// compression model with weight norm folded into plain `weight`s
// (`encoder.model.0.conv.conv.weight`, `decoder.model.3.convtr.convtr.weight`,
// `decoder.model.1.lstm.weight_ih_l0`, `quantizer.vq.layers.0._codebook.embed`);
// text encoder as Hugging Face's T5EncoderModel (`shared.weight`,
// `encoder.block.0.layer.0.SelfAttention.q.weight`, ...).
#ifndef MAGNET_MODEL_BUNDLE_H_
#define MAGNET_MODEL_BUNDLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "model/model_config.h"

namespace magnet {

struct Bundle {
  ModelConfig config;
  TensorMap lm;              // memory-mapped, in the file's type
  TensorMap codec;           // likewise
  TensorMap text_encoder;    // likewise
  std::string spiece_model;  // bytes of the SentencePiece model
  std::string readme;        // the model card; may be empty
};

// Opens a bundle without reading its weights (they are mapped). When SHA256SUMS
// is there, every file is verified against it first, on as many threads as the
// machine has, at most one a file. Errors name the file.
absl::StatusOr<Bundle> OpenBundle(const std::string& folder);

// Writes a bundle with SHA256SUMS, each file atomically (temporary name, fsync,
// rename). Floating tensors are stored as `dtype`.
absl::Status WriteBundle(const Bundle& bundle, torch::Dtype dtype, const std::string& folder);

}  // namespace magnet

#endif  // MAGNET_MODEL_BUNDLE_H_
