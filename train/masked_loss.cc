#include "train/masked_loss.h"

namespace magnet {

torch::Tensor SummedCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                 const torch::Tensor& mask) {
  const torch::Tensor rows = mask.flatten().nonzero().squeeze(1);
  return torch::cross_entropy_loss(logits.flatten(0, 1).index_select(0, rows).to(torch::kFloat),
                                   targets.flatten().index_select(0, rows), /*weight=*/{},
                                   at::Reduction::Sum);
}

torch::Tensor MeanCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                               const torch::Tensor& mask) {
  return SummedCrossEntropy(logits, targets, mask) / mask.sum();
}

}  // namespace magnet
