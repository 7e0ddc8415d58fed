#include "server/row_budget.h"

#include <gtest/gtest.h>

namespace magnet {
namespace {

constexpr int kManySteps = 256;

void Fit(RowBudget& budget, int steps) {
  for (int i = 0; i < steps; ++i) budget.OnFit();
}

// If this fails, a device that ran out of memory once runs out of it at every step, or never fills
// again.
TEST(RowBudgetTest, HalvesWhenMemoryIsOutAndGrowsBackAfterManyCleanSteps) {
  RowBudget budget(4000);
  EXPECT_EQ(budget.rows(), 4000);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(), 4000);
  budget.OnOutOfMemory(3000);
  EXPECT_EQ(budget.rows(), 1500);
  Fit(budget, kManySteps - 1);
  EXPECT_EQ(budget.rows(), 1500);
  Fit(budget, 1);
  EXPECT_EQ(budget.rows(), 3000);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(), 4000);
}

TEST(RowBudgetTest, OneJobPerStepStaysThat) {
  RowBudget budget(0);
  budget.OnOutOfMemory(1);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(), 0);
}

}  // namespace
}  // namespace magnet
