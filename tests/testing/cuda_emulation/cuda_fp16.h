// Half precision for the emulation.
#ifndef MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_FP16_H_
#define MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_FP16_H_

#include <c10/util/Half.h>
#include <cuda_runtime.h>

using half = c10::Half;

struct half2 {
  half x, y;
};

inline float __half2float(half value) { return static_cast<float>(value); }
inline half __float2half(float value) { return half(value); }
inline half2 __floats2half2_rn(float x, float y) { return {half(x), half(y)}; }

#endif  // MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_FP16_H_
