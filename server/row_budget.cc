#include "server/row_budget.h"

#include <algorithm>

namespace magnet {
namespace {

constexpr int kStepsBeforeGrowth = 256;

}  // namespace

int64_t RowBudget::rows(int64_t full_step_rows) const {
  return std::min(max_rows_ > 0 ? max_rows_ : full_step_rows, fitting_rows_);
}

void RowBudget::OnFit() {
  if (fitting_rows_ == kNoLimit || ++steps_that_fitted_ < kStepsBeforeGrowth) return;
  fitting_rows_ = fitting_rows_ > kNoLimit / 2 ? kNoLimit : 2 * fitting_rows_;
  steps_that_fitted_ = 0;
}

void RowBudget::OnOutOfMemory(int64_t rows) {
  fitting_rows_ = std::max<int64_t>(rows / 2, 1);
  steps_that_fitted_ = 0;
}

}  // namespace magnet
