#include "train/span_neighbours.h"

#include <gtest/gtest.h>

namespace magnet {
namespace {

// Breaks where a frame is told another frame than the one before, of another span, or one that
// decoding already has given it.
TEST(SpanNeighboursTest, OnlyMaskedFramesAfterMaskedFramesOfTheSameSpan) {
  const torch::Tensor table = torch::arange(16, torch::kFloat).reshape({4, 4});
  const torch::Tensor targets = torch::tensor({{3, 1, 2, 0, 1, 3, 2}, {1, 1, 1, 1, 1, 1, 0}});
  const torch::Tensor mask =
      torch::tensor({{1, 1, 1, 1, 0, 1, 1}, {0, 1, 1, 1, 1, 0, 0}}).to(torch::kBool);
  const torch::Tensor logits = torch::zeros({2, 7, 4}, torch::kBFloat16);
  const torch::Tensor added = AddNeighbours(logits, table, targets, mask, /*span_len=*/3);
  torch::Tensor expected = torch::zeros({2, 7, 4});
  expected[0][1] = table[3];
  expected[0][2] = table[1];
  expected[1][2] = table[1];
  expected[1][4] = table[1];
  EXPECT_TRUE(torch::equal(added, expected)) << added;
}

// Breaks where a table cannot learn: its gradient is that of the rows that were added.
TEST(SpanNeighboursTest, TheTableHasAGradient) {
  const torch::Tensor table = torch::zeros({4, 4}).set_requires_grad(true);
  const torch::Tensor targets = torch::tensor({{2, 2, 2, 2}});
  const torch::Tensor mask = torch::ones({1, 4}, torch::kBool);
  AddNeighbours(torch::zeros({1, 4, 4}), table, targets, mask, /*span_len=*/3).sum().backward();
  torch::Tensor expected = torch::zeros({4, 4});
  expected[2].fill_(2);
  EXPECT_TRUE(torch::equal(table.grad(), expected)) << table.grad();
}

}  // namespace
}  // namespace magnet
