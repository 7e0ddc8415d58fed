#include "train/span_neighbours.h"

namespace magnet {
namespace {

// Of B * T frames, those that are drawn after the frame before: [rows] int64.
torch::Tensor RowsThatFollow(const torch::Tensor& mask, int span_len) {
  const torch::Tensor first_of_span =
      torch::arange(mask.size(1), mask.device()).remainder(span_len) == 0;
  torch::Tensor follows = mask.logical_and(mask.roll(1, /*dims=*/1));
  follows = follows.logical_and(first_of_span.logical_not());
  return follows.flatten().nonzero().squeeze(1);
}

}  // namespace

torch::Tensor AddNeighbours(const torch::Tensor& logits, const torch::Tensor& table,
                            const torch::Tensor& targets, const torch::Tensor& mask, int span_len) {
  const torch::Tensor rows = RowsThatFollow(mask, span_len);
  const torch::Tensor before = targets.flatten().index_select(0, rows - 1);
  return logits.to(torch::kFloat)
      .flatten(0, 1)
      .index_add(0, rows, table.index_select(0, before))
      .view_as(logits);
}

}  // namespace magnet
