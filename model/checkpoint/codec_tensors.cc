#include "model/checkpoint/codec_tensors.h"

#include "absl/strings/str_cat.h"
#include "model/checkpoint/tensor_shapes.h"
#include "model/checkpoint/weight_norm.h"

namespace magnet {

ModelConfig ModelAround(const CodecConfig& codec) {
  ModelConfig model;
  model.name = "codec";
  model.license = "unknown";
  model.codec = codec;
  model.lm = {.dim = 8,
              .num_heads = 1,
              .num_layers = 1,
              .ffn_dim = 8,
              .num_codebooks = 1,
              .card = codec.codebook_size,
              .text_dim = 8,
              .window_frames = 100};
  model.text_encoder = {
      .vocab_size = 8, .d_model = 8, .d_kv = 8, .d_ff = 8, .num_layers = 1, .num_heads = 1};
  model.sampling.decoding_steps = {1};
  return model;
}

absl::Status CheckCodecConfig(const CodecConfig& config, const std::string& source) {
  if (absl::Status status = CheckModelConfig(ModelAround(config)); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status FinishCodecTensors(const std::string& source, int num_codebooks, CodecConfig& config,
                                TensorMap& tensors) {
  if (absl::Status status = CheckCodecConfig(config, source); !status.ok()) return status;
  if (num_codebooks > config.num_codebooks) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": expected at least ", num_codebooks,
                                                   " codebooks, found ", config.num_codebooks));
  }
  for (int k = 0; k < config.num_codebooks; ++k) {
    const std::string codebook = absl::StrCat("quantizer.vq.layers.", k, "._codebook.");
    for (const char* statistic : {"inited", "cluster_size", "embed_avg"}) {
      tensors.erase(codebook + statistic);
    }
    if (num_codebooks > 0 && k >= num_codebooks) tensors.erase(codebook + "embed");
  }
  if (num_codebooks > 0) config.num_codebooks = num_codebooks;
  if (absl::Status status = FoldWeightNorm(tensors, source); !status.ok()) return status;
  return CheckTensorShapes(tensors, source, CodecTensorShapes(config));
}

}  // namespace magnet
