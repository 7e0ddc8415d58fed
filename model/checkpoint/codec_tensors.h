// The last steps of importing a codec, whichever format it came in.
#ifndef MAGNET_MODEL_CHECKPOINT_CODEC_TENSORS_H_
#define MAGNET_MODEL_CHECKPOINT_CODEC_TENSORS_H_

#include <string>

#include "absl/status/status.h"
#include "model/checkpoint/tensor_map.h"
#include "model/model_config.h"

namespace magnet {

// The least valid model around a codec, so that one list of checks and one format
// serve both.
ModelConfig ModelAround(const CodecConfig& codec);

// The checks of CheckModelConfig on a codec alone. `source` opens the error.
absl::Status CheckCodecConfig(const CodecConfig& config, const std::string& source);

// Takes tensors by audiocraft's names, as a checkpoint holds them: folds the
// weight norm, drops the statistics that only training needs (`inited`,
// `cluster_size`, `embed_avg`) and the codebooks after the first
// `num_codebooks` (0: keeps all), sets config.num_codebooks to what is kept and
// checks what remains against `config`. `source` opens every error.
absl::Status FinishCodecTensors(const std::string& source, int num_codebooks, CodecConfig& config,
                                TensorMap& tensors);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_CODEC_TENSORS_H_
