// What texts learn before the language model does: to tell what their clips are like.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_TEXT_HEADS_H_
#define MAGNET_TRAIN_TEXT_HEADS_H_

#include <string>
#include <utility>
#include <vector>

#include "model/layers/linear.h"
#include "model/model_config.h"
#include "train/clip_labels.h"
#include "train/lm_batch.h"

namespace magnet {

//   text states -> mean over the tokens -> codes: how often each code of each codebook occurs
//                                       -> clip labels: key, tempo, and what rows are labelled with
class TextHeads {
 public:
  // Without `label_kinds` (null) no labels are learnt.
  TextHeads(const LmConfig& lm, const std::vector<LabelKind>* label_kinds,
            const torch::Device& device);

  // Cross-entropy of the codes, a mean over codebooks, and of the labels; summed over the
  // batch. states [B, S, text_dim], mask [B, S] bool, on the device.
  torch::Tensor Loss(const torch::Tensor& states, const torch::Tensor& mask,
                     const TextBatch& batch);

  // With the prefixes of their names in a checkpoint.
  std::vector<std::pair<std::string, Dense>> Heads() const;

 private:
  std::vector<int64_t> label_classes_;
  Dense codes_{nullptr};   // text_dim -> K card
  Dense labels_{nullptr};  // text_dim -> classes; null without labels
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_TEXT_HEADS_H_
