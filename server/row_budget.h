// How many token rows one decoding step may have: as many as were configured or the
// device likes best, or fewer where its memory said so.
#ifndef MAGNET_SERVER_ROW_BUDGET_H_
#define MAGNET_SERVER_ROW_BUDGET_H_

#include <cstdint>
#include <limits>

namespace magnet {

// Not thread-safe.
class RowBudget {
 public:
  // `max_rows` is what was configured; 0: as the device likes it.
  explicit RowBudget(int64_t max_rows) : max_rows_(max_rows) {}

  // Rows that a step may have on a device that is full with `full_step_rows` of
  // them (Generator::full_step_rows). A single job may always run, whatever its rows.
  int64_t rows(int64_t full_step_rows) const;

  // A step fitted. After many of them in a row twice the rows are tried again.
  void OnFit();

  // A step of so many rows did not fit: half of them may.
  void OnOutOfMemory(int64_t rows);

 private:
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  const int64_t max_rows_;
  int64_t fitting_rows_ = kNoLimit;  // what memory allowed so far
  int steps_that_fitted_ = 0;        // since fitting_rows_ changed
};

}  // namespace magnet

#endif  // MAGNET_SERVER_ROW_BUDGET_H_
