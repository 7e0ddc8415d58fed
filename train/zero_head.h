// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_ZERO_HEAD_H_
#define MAGNET_TRAIN_ZERO_HEAD_H_

#include "model/layers/linear.h"

namespace magnet {

// A head that only training has. It begins with zeros: it knows nothing yet.
inline Dense ZeroHead(int64_t inputs, int64_t outputs, const torch::Device& device) {
  Dense head(inputs, outputs, /*with_bias=*/false);
  torch::nn::init::zeros_(head->weight);
  head->to(device);
  return head;
}

}  // namespace magnet

#endif  // MAGNET_TRAIN_ZERO_HEAD_H_
