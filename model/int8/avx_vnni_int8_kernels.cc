// Compiled with AVX2 and AVX-VNNI: calls nothing that is defined in a header for all, or other
// files might be linked with this one's copy.
//
// The exact products of AVX-512 VNNI in vectors of half the width: of CPUs for desks and laps,
// which have no AVX-512.
#include "model/int8/int8_kernels.h"

#if defined(__AVXVNNI__)

#include "model/int8/int8_group.h"
#include "model/int8/int8_row_kernels.h"

namespace magnet {
namespace {

constexpr int kRange = 127;
constexpr int64_t kRowsAtOnce = 6;  // with two vectors of outputs, 12 of the 16 registers
constexpr int64_t kOutputsAtOnce = 2 * kLanes;

// sum += the four products of each lane. Not by intrinsic: see vnni_int8_kernels.cc. `vex` asks
// for AVX-VNNI's encoding, since the other is AVX-512's.
inline void AddProducts(__m256i& sum, __m256i x, __m256i w) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
}

// sums = offsets + products of the whole numbers.
void SumProducts(const uint8_t* x, const int8_t* w, const int32_t* offsets,
                 int32_t (&sums)[kRowsAtOnce][kOutputsAtOnce]) {
  const auto load = [](const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  };
  __m256i low[kRowsAtOnce], high[kRowsAtOnce];
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRowsAtOnce; ++i) {
    low[i] = load(offsets);
    high[i] = load(offsets + kLanes);
  }
  for (int64_t k = 0; k < kInt8Group; k += 4, w += 4 * kInt8Panel) {
    const __m256i w_low = load(w), w_high = load(w + 4 * kLanes);
#pragma GCC unroll 6
    for (int64_t i = 0; i < kRowsAtOnce; ++i) {
      int32_t four;
      __builtin_memcpy(&four, x + i * kInt8Group + k, sizeof(four));
      const __m256i spread = _mm256_set1_epi32(four);
      AddProducts(low[i], spread, w_low);
      AddProducts(high[i], spread, w_high);
    }
  }
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRowsAtOnce; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[i]), low[i]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[i] + kLanes), high[i]);
  }
}

constexpr Int8Kernels kKernels =
    KernelsAround<kRange>(MultiplyByTiles<kRowsAtOnce, kOutputsAtOnce, SumProducts>);

}  // namespace

const Int8Kernels* AvxVnniInt8Kernels() { return &kKernels; }

}  // namespace magnet

#else

namespace magnet {

const Int8Kernels* AvxVnniInt8Kernels() { return nullptr; }

}  // namespace magnet

#endif
