// Failures of CUDA as exceptions, which the engine's face turns into statuses.
#ifndef MAGNET_MODEL_CUDA_CUDA_ERROR_H_
#define MAGNET_MODEL_CUDA_CUDA_ERROR_H_

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace magnet {

// Throws std::runtime_error where `error` is one; `what` says what was asked for.
inline void CheckCuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_CUDA_ERROR_H_
