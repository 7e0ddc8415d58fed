// Checkpoints that audiocraft exported: torch.save files of a dict with
// `xp.cfg` (the configuration as YAML) and `best_state` (the tensors).
#ifndef MAGNET_MODEL_CHECKPOINT_AUDIOCRAFT_IMPORT_H_
#define MAGNET_MODEL_CHECKPOINT_AUDIOCRAFT_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "model/model_config.h"

namespace magnet {

struct ImportedLm {
  LmConfig config;  // window_frames is 0: it needs the codec's frame rate
  double window_seconds = 0;
  SamplingDefaults sampling;
  TensorMap tensors;  // exactly LmTensorShapes(config)
};

struct ImportedCodec {
  CodecConfig config;
  TensorMap tensors;  // weight norm folded, exactly CodecTensorShapes(config)
};

// `path`: state_dict.bin. INVALID_ARGUMENT for a file of another kind, for a
// model that is not a MAGNeT, for settings that the engine does not compute and
// for tensors that do not fit the configuration; all of them are named.
absl::StatusOr<ImportedLm> ImportAudiocraftLm(const std::string& path);

// `path`: compression_state_dict.bin. Keeps the first `num_codebooks` codebooks
// (0: all). FAILED_PRECONDITION where the file is only the name of a codec
// published elsewhere; the error says which.
absl::StatusOr<ImportedCodec> ImportAudiocraftCodec(const std::string& path, int num_codebooks);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_AUDIOCRAFT_IMPORT_H_
