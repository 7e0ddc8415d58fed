// Attention of one head of one sequence in float32, by the CPU's vectors. Knows no torch. Immutable
// tables of functions; any thread.
#ifndef MAGNET_MODEL_MAGNET_ATTENTION_KERNELS_H_
#define MAGNET_MODEL_MAGNET_ATTENTION_KERNELS_H_

#include <cstdint>

#include "model/magnet/attend_row.h"

namespace magnet {

// Keys are filled up to a multiple of it.
inline constexpr int64_t kKeysAtOnce = 64;
inline constexpr int64_t kQueriesAtOnce = 6;

// Every query sees every key.
struct AttentionHead {
  const float* queries;  // of row m at [m * query_stride]: `width` values
  const float* keys;
  const float* values;
  float* out;
  int64_t query_stride, key_stride, value_stride, out_stride;
  int64_t num_queries, num_keys;  // at least one key
  int64_t width;                  // see CanAttendBy
};

// `count` keys, filled up.
constexpr int64_t PaddedKeys(int64_t count) {
  return (count + kKeysAtOnce - 1) / kKeysAtOnce * kKeysAtOnce;
}
// Floats that attend_to_all needs to work with.
constexpr int64_t AttendToAllScratch(int64_t num_keys, int64_t width) {
  return PaddedKeys(num_keys) * (2 * width + kQueriesAtOnce);
}

struct AttentionKernels {
  // out [num_queries, width] = softmax(queries keys^T / sqrt(width)) values: two products and a
  // softmax over scores that never leave L1. `scratch`: AttendToAllScratch floats of any content,
  // faster where they begin with a cache line.
  void (*attend_to_all)(const AttentionHead& head, float* scratch);
  // As AttendRow. `scores`: PaddedKeys(keys.end - keys.first) floats of any content.
  void (*attend_to_range)(const float* query, const AttendedKeys& keys, int64_t width,
                          float* scores, float* out);
};

// Heads as wide as the kernels take: 16, 32, 48 or 64.
constexpr bool CanAttendBy(int64_t width) { return width % 16 == 0 && width > 0 && width <= 64; }

// Null where this program was not built for x86-64. Need CpuHasAvx2() and CpuHasAvx512()
// (model/cpu_features.h).
const AttentionKernels* Avx2AttentionKernels();
const AttentionKernels* Avx512AttentionKernels();

// The widest that the CPU has, or null.
const AttentionKernels* BestAttentionKernels();

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_ATTENTION_KERNELS_H_
