// What the frame before tells a frame of the same span, in training.
// Internal to targets that use LibTorch. B batch, T frames.
#ifndef MAGNET_TRAIN_SPAN_NEIGHBOURS_H_
#define MAGNET_TRAIN_SPAN_NEIGHBOURS_H_

#include "model/torch.h"

namespace magnet {

// `logits` [B, T, card] in float32, with row targets[t - 1] of `table` [card, card] added to
// frame t where decoding would do so (model/magnet/span_draws.h): frames t - 1 and t are both
// masked, and t is not the first of its span. Spans are counted from the window's first frame,
// and an item's frame 0 is the window's frame first_frames [B] int64.
// targets [B, T] int64, in [0, card) where `mask` [B, T] bool is true.
torch::Tensor AddNeighbours(const torch::Tensor& logits, const torch::Tensor& table,
                            const torch::Tensor& targets, const torch::Tensor& mask,
                            const torch::Tensor& first_frames, int span_len);

}  // namespace magnet

#endif  // MAGNET_TRAIN_SPAN_NEIGHBOURS_H_
