// Puts a kernel into a stream. An ordinary function instead of <<<>>>, so that the
// kernels' sources are plain C++ and can be run thread by thread on a CPU in tests.
#ifndef MAGNET_MODEL_CUDA_LAUNCH_CUH_
#define MAGNET_MODEL_CUDA_LAUNCH_CUH_

#include <cuda_runtime.h>

#include "model/cuda/cuda_error.h"

namespace magnet {

// A grid without blocks is no launch.
template <typename Args>
void Launch(void (*kernel)(Args), dim3 grid, int block_threads, cudaStream_t stream,
            const Args& args, const char* name) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(block_threads));
  config.stream = stream;
  CheckCuda(cudaLaunchKernelEx(&config, kernel, args), name);
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_LAUNCH_CUH_
