// The modules that a language model's training starts with, and the bundle that
// it ends in. Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_LM_PARTS_H_
#define MAGNET_TRAIN_LM_PARTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/tensor_map.h"
#include "model/magnet/transformer.h"
#include "model/model_config.h"
#include "model/t5/t5_encoder.h"
#include "model/t5/tokenizer.h"
#include "train/clip_labels.h"
#include "train/code_shards.h"
#include "train/training_config.h"

namespace magnet {

struct LmParts {
  ModelConfig config;  // complete and checked
  MagnetTransformer lm{nullptr};
  T5Encoder text_encoder{nullptr};
  T5Tokenizer tokenizer;
  std::string spiece_model;              // the tokenizer's bytes
  TensorMap codec;                       // as in a bundle
  std::vector<LabelKind> label_kinds{};  // of the clips; empty without annotation_weight
};

// Makes the modules on the CPU, in float32.
//
// Weights come from start_from, or are drawn from the seed; the codec from
// `codec` or start_from; neighbour tables are counted in `clips`, but with train_neighbours
// those of start_from learn on; text encoder and vocabulary from text_encoder_from or
// start_from, else the vocabulary is learnt from the captions of `clips` and the
// encoder drawn. FAILED_PRECONDITION where parts do not fit, naming both sides:
// codes of another codec, or sizes in the configuration that the bundle does not
// have.
absl::StatusOr<LmParts> MakeLmParts(const LmTrainingConfig& config, const CodeSet& clips);

// `weights` of a language model with the neighbour tables of `lm`, none where it has none: where
// they are not trained, they are counted in the clips of each training.
TensorMap WithNeighboursOf(const MagnetTransformer& lm, TensorMap weights);

// Writes a bundle (model/bundle.h) in float16. `lm` and `text_encoder` are the
// weights to write, by name.
absl::Status WriteLmBundle(const LmParts& parts, const TensorMap& lm, const TensorMap& text_encoder,
                           const std::string& readme, const std::string& folder);

// Draws weights for training from nothing: N(0, 1/fan_in) for projections, those
// that end a residual branch narrower by sqrt(3 * layers), 0.02 for the heads,
// 1/sqrt(K) for the embeddings, zero biases and a beat head that knows nothing.
void DrawLmWeights(MagnetTransformer& lm, uint64_t seed);

}  // namespace magnet

#endif  // MAGNET_TRAIN_LM_PARTS_H_
