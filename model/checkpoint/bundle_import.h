// A bundle from published checkpoints: what `magnet-model convert` does.
#ifndef MAGNET_MODEL_CHECKPOINT_BUNDLE_IMPORT_H_
#define MAGNET_MODEL_CHECKPOINT_BUNDLE_IMPORT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "model/bundle.h"

namespace magnet {

struct ImportRequest {
  // audiocraft's folder (state_dict.bin and compression_state_dict.bin) or the
  // language model's file alone.
  std::string lm;
  // audiocraft's folder or compression file, or a Hugging Face EnCodec folder;
  // empty: compression_state_dict.bin beside the language model.
  std::string codec;
  std::string t5;  // Hugging Face folder with spiece.model
  std::string name;
  std::string version;
  std::string description;
  std::string license;
  int num_codebooks = 0;  // of the codec that are kept; 0: as many as the LM has
  // Instead of what the checkpoint's attention back end stands for.
  std::optional<SubcodesAttention> subcodes_attention{};
};

// Reads all parts and checks that they go together; errors name both sides.
// Every weight is checked to be finite. Does not throw.
absl::StatusOr<Bundle> ImportBundle(const ImportRequest& request);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_BUNDLE_IMPORT_H_
