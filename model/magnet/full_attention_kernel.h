// One head of one sequence for AttendToAll (full_attention.h). Knows no torch.
#ifndef MAGNET_MODEL_MAGNET_FULL_ATTENTION_KERNEL_H_
#define MAGNET_MODEL_MAGNET_FULL_ATTENTION_KERNEL_H_

#include <cstdint>

namespace magnet {

// Keys are filled up to a multiple of it.
inline constexpr int64_t kKeysAtOnce = 64;
inline constexpr int64_t kQueriesAtOnce = 6;

struct AttentionHead {
  const float* queries;  // of row m at [m * query_stride]: `width` values
  const float* keys;
  const float* values;
  float* out;
  int64_t query_stride, key_stride, value_stride, out_stride;
  int64_t num_queries, num_keys;
  int64_t width;  // a multiple of 16, at most 64
};

// Floats that AttendHeadAvx512 needs to work with.
constexpr int64_t FullAttentionScratch(int64_t num_keys, int64_t width) {
  const int64_t padded = (num_keys + kKeysAtOnce - 1) / kKeysAtOnce * kKeysAtOnce;
  return padded * (2 * width + kQueriesAtOnce);
}

// `scratch`: FullAttentionScratch floats of any content. Needs AVX-512 F, BW, DQ and VL.
void AttendHeadAvx512(const AttentionHead& head, float* scratch);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_FULL_ATTENTION_KERNEL_H_
