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
  const torch::Tensor added =
      AddNeighbours(logits, table, targets, mask, torch::zeros({2}, torch::kLong), /*span_len=*/3);
  torch::Tensor expected = torch::zeros({2, 7, 4});
  expected[0][1] = table[3];
  expected[0][2] = table[1];
  expected[1][2] = table[1];
  expected[1][4] = table[1];
  EXPECT_TRUE(torch::equal(added, expected)) << added;
}

// Breaks where spans are counted from a crop's first frame: decoding counts them from the
// window's.
TEST(SpanNeighboursTest, SpansAreThoseOfTheWindow) {
  const torch::Tensor table = torch::ones({4, 4});
  const torch::Tensor targets = torch::zeros({3, 5}, torch::kLong);
  const torch::Tensor mask = torch::ones({3, 5}, torch::kBool);
  const torch::Tensor added = AddNeighbours(torch::zeros({3, 5, 4}), table, targets, mask,
                                            torch::tensor({3, 4, 5}), /*span_len=*/3);
  const torch::Tensor expected =
      torch::tensor({{0, 1, 1, 0, 1}, {0, 1, 0, 1, 1}, {0, 0, 1, 1, 0}}).to(torch::kFloat);
  EXPECT_TRUE(torch::equal(added.select(2, 0), expected)) << added.select(2, 0);
}

// Breaks where a table cannot learn: its gradient is that of the rows that were added.
TEST(SpanNeighboursTest, TheTableHasAGradient) {
  const torch::Tensor table = torch::zeros({4, 4}).set_requires_grad(true);
  const torch::Tensor targets = torch::tensor({{2, 2, 2, 2}});
  const torch::Tensor mask = torch::ones({1, 4}, torch::kBool);
  AddNeighbours(torch::zeros({1, 4, 4}), table, targets, mask, torch::zeros({1}, torch::kLong),
                /*span_len=*/3)
      .sum()
      .backward();
  torch::Tensor expected = torch::zeros({4, 4});
  expected[2].fill_(2);
  EXPECT_TRUE(torch::equal(table.grad(), expected)) << table.grad();
}

}  // namespace
}  // namespace magnet
