// Memory of the host that a GPU reads and writes by itself.
#ifndef MAGNET_MODEL_CUDA_STAGING_BUFFER_H_
#define MAGNET_MODEL_CUDA_STAGING_BUFFER_H_

#include <cuda_runtime.h>

#include <cstddef>

#include "model/cuda/cuda_error.h"

namespace magnet {

class StagingBuffer {
 public:
  StagingBuffer() = default;
  ~StagingBuffer() { cudaFreeHost(data_); }
  StagingBuffer(const StagingBuffer&) = delete;
  StagingBuffer& operator=(const StagingBuffer&) = delete;

  // At least `bytes`; what an earlier call returned is gone where that was less.
  void* Take(size_t bytes) {
    if (bytes <= bytes_) return data_;
    cudaFreeHost(data_);
    data_ = nullptr;
    bytes_ = 0;
    CheckCuda(cudaMallocHost(&data_, 2 * bytes), "memory of the host");
    bytes_ = 2 * bytes;
    return data_;
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_STAGING_BUFFER_H_
