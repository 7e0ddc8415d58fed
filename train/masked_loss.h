// Cross-entropy of the codebook a stage trains, over the frames that count.
// Internal to targets that use LibTorch. B batch, T frames.
#ifndef MAGNET_TRAIN_MASKED_LOSS_H_
#define MAGNET_TRAIN_MASKED_LOSS_H_

#include "model/torch.h"

namespace magnet {

// The sum over frames where `mask` [B, T] (bool: stage mask and padding mask) is
// true of -log softmax(logits)[target], in float32, as a scalar; 0 where none is.
// logits [B, T, card] of one codebook, targets [B, T] int64 in [0, card) where the
// mask is true.
torch::Tensor SummedCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                 const torch::Tensor& mask);

// The same, divided by the number of true frames; NaN where none is.
torch::Tensor MeanCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                               const torch::Tensor& mask);

}  // namespace magnet

#endif  // MAGNET_TRAIN_MASKED_LOSS_H_
