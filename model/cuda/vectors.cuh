// 16 bytes at a time: what one thread reads or writes best.
#ifndef MAGNET_MODEL_CUDA_VECTORS_CUH_
#define MAGNET_MODEL_CUDA_VECTORS_CUH_

#include <cuda_fp16.h>

#include "model/magnet/step_kernels.h"

namespace magnet {

struct alignas(16) Half8 {
  half values[8];
};

struct alignas(16) Float4 {
  float values[4];
};

__host__ __device__ inline const half* Halves(const Element* elements) {
  return reinterpret_cast<const half*>(elements);
}
__host__ __device__ inline half* Halves(Element* elements) {
  return reinterpret_cast<half*>(elements);
}

// `address` is a multiple of 16 bytes.
__device__ inline void LoadFloats8(const half* address, float (&values)[8]) {
  const Half8 halves = *reinterpret_cast<const Half8*>(address);
  for (int i = 0; i < 8; ++i) values[i] = __half2float(halves.values[i]);
}
__device__ inline void LoadFloats8(const float* address, float (&values)[8]) {
  for (int part = 0; part < 2; ++part) {
    const Float4 floats = reinterpret_cast<const Float4*>(address)[part];
    for (int i = 0; i < 4; ++i) values[4 * part + i] = floats.values[i];
  }
}
__device__ inline void StoreFloats8(const float (&values)[8], half* address) {
  Half8 halves;
  for (int i = 0; i < 8; ++i) halves.values[i] = __float2half(values[i]);
  *reinterpret_cast<Half8*>(address) = halves;
}
__device__ inline void StoreFloats8(const float (&values)[8], float* address) {
  for (int part = 0; part < 2; ++part) {
    Float4 floats;
    for (int i = 0; i < 4; ++i) floats.values[i] = values[4 * part + i];
    reinterpret_cast<Float4*>(address)[part] = floats;
  }
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_VECTORS_CUH_
