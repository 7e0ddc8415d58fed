// Which weights of a language model and its text encoder are matrices of hidden layers.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_HIDDEN_MATRICES_H_
#define MAGNET_TRAIN_HIDDEN_MATRICES_H_

#include "model/checkpoint/tensor_map.h"
#include "train/optimizer.h"

namespace magnet {

// Attention and feed-forward weights of both transformers; an in_proj_weight holds three
// matrices. `weights` by the names of LmTrainer; `bfloat16`: whether Muon computes in it.
MuonParameters HiddenMatricesOf(const TensorMap& weights, bool bfloat16);

}  // namespace magnet

#endif  // MAGNET_TRAIN_HIDDEN_MATRICES_H_
