#include "train/span_neighbours.h"

namespace magnet {
namespace {

// Of B * T frames, those that are drawn after the frame before: [rows] int64.
torch::Tensor RowsThatFollow(const torch::Tensor& mask, const torch::Tensor& first_frames,
                             int span_len) {
  const torch::Tensor frames = torch::arange(mask.size(1), first_frames.options());
  const torch::Tensor in_span = (first_frames.unsqueeze(1) + frames).remainder(span_len) != 0;
  torch::Tensor follows = mask.logical_and(mask.roll(1, /*dims=*/1)).logical_and(in_span);
  follows.select(1, 0).fill_(false);
  return follows.flatten().nonzero().squeeze(1);
}

}  // namespace

torch::Tensor AddNeighbours(const torch::Tensor& logits, const torch::Tensor& table,
                            const torch::Tensor& targets, const torch::Tensor& mask,
                            const torch::Tensor& first_frames, int span_len) {
  const torch::Tensor rows = RowsThatFollow(mask, first_frames.to(mask.device()), span_len);
  const torch::Tensor before = targets.flatten().index_select(0, rows - 1);
  return logits.to(torch::kFloat)
      .flatten(0, 1)
      .index_add(0, rows, table.index_select(0, before))
      .view_as(logits);
}

}  // namespace magnet
