// Loops over the threads that LibTorch computes with. at::parallel_for is a plain loop in
// files that are compiled without OpenMP, as all of this project's are but one.
#ifndef MAGNET_MODEL_PARALLEL_H_
#define MAGNET_MODEL_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace magnet {

// Calls task(0) .. task(num_tasks - 1), on as many threads as at::get_num_threads() says, each
// taking the next task when it has finished one; returns when all have. Tasks must not throw.
// Their threads know nothing of the caller's modes of torch (gradients, inference): a task that
// computes with tensors, which it does on its thread alone, sets its own. Inside another parallel
// region: a plain loop.
void RunTasks(int64_t num_tasks, absl::FunctionRef<void(int64_t)> task);

// Splits 0 .. count - 1 into tasks of `grain` in a row (the last may be shorter), and calls
// task(begin, end) for each, as RunTasks does.
void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> task);

}  // namespace magnet

#endif  // MAGNET_MODEL_PARALLEL_H_
