// Steps that were recorded, to be launched again as one: on a GPU a small step's
// 300 kernels run faster than they can be launched one by one.
#ifndef MAGNET_MODEL_CUDA_STEP_GRAPHS_H_
#define MAGNET_MODEL_CUDA_STEP_GRAPHS_H_

#include <cuda_runtime.h>

#include <functional>
#include <map>

#include "model/magnet/step_kernels.h"

namespace magnet {

// Not thread-safe. Throws std::runtime_error.
class StepGraphs {
 public:
  StepGraphs() = default;
  ~StepGraphs() { Forget(); }
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  // Runs `launch` in `stream` at the first step of a shape, records it at the second
  // and launches what was recorded from then on.
  void Run(const StepShape& shape, cudaStream_t stream, const std::function<void()>& launch);

  void Forget();

 private:
  std::map<StepShape, cudaGraphExec_t> graphs_;  // null: seen once
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_STEP_GRAPHS_H_
