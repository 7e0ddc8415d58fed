#include "model/parallel.h"

#include <algorithm>

namespace at {

// <ATen/Parallel.h> would want a compiler's <omp.h>, which clang-tidy has none of.
int get_num_threads();
bool in_parallel_region();

}  // namespace at

namespace magnet {
void RunTasks(int64_t num_tasks, absl::FunctionRef<void(int64_t)> task) {
  // Asked for before the region: it gives a new thread the number that was set.
  const bool parallel = num_tasks > 1 && at::get_num_threads() > 1 && !at::in_parallel_region();
#pragma omp parallel for schedule(dynamic, 1) if (parallel)
  for (int64_t i = 0; i < num_tasks; ++i) task(i);
}

void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> task) {
  RunTasks((count + grain - 1) / grain,
           [&](int64_t i) { task(i * grain, std::min(count, (i + 1) * grain)); });
}

}  // namespace magnet
