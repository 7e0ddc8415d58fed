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
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 4000);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 4000);
  budget.OnOutOfMemory(3000);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 1500);
  Fit(budget, kManySteps - 1);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 1500);
  Fit(budget, 1);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 3000);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 4000);
}

TEST(RowBudgetTest, OneJobPerStepStaysThat) {
  RowBudget budget(0);
  budget.OnOutOfMemory(1);
  Fit(budget, kManySteps);
  EXPECT_EQ(budget.rows(/*full_step_rows=*/0), 0);
}

// If this fails, a GPU takes one request a step unless somebody configures it.
TEST(RowBudgetTest, WithoutASettingTheDeviceDecidesAndMemoryStillLimits) {
  RowBudget budget(0);
  EXPECT_EQ(budget.rows(4096), 4096);
  budget.OnOutOfMemory(2000);
  EXPECT_EQ(budget.rows(4096), 1000);
  Fit(budget, 3 * kManySteps);
  EXPECT_EQ(budget.rows(4096), 4096);
  EXPECT_EQ(RowBudget(500).rows(4096), 500) << "a setting wins";
}

}  // namespace
}  // namespace magnet
