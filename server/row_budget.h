// How many token rows one decoding step may have: as many as were configured, or
// fewer where the device's memory said so.
#ifndef MAGNET_SERVER_ROW_BUDGET_H_
#define MAGNET_SERVER_ROW_BUDGET_H_

#include <cstdint>
#include <limits>

namespace magnet {

// Not thread-safe.
class RowBudget {
 public:
  // `max_rows` is what was configured; 0: one job per step.
  explicit RowBudget(int64_t max_rows) : max_rows_(max_rows) {}

  // Rows that a step may have. A single job may always run, whatever its rows.
  int64_t rows() const;

  // A step fitted. After many of them in a row twice the rows are tried again.
  void OnFit();

  // A step of so many rows did not fit: half of them may.
  void OnOutOfMemory(int64_t rows);

 private:
  const int64_t max_rows_;
  int64_t fitting_rows_ = std::numeric_limits<int64_t>::max();  // what memory allowed so far
  int steps_that_fitted_ = 0;                                   // since fitting_rows_ changed
};

}  // namespace magnet

#endif  // MAGNET_SERVER_ROW_BUDGET_H_
