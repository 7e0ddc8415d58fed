// For files of magnet_compile_for_avx512 alone. Each has a copy of its own, so that no other file
// is linked with one of theirs.
#ifndef MAGNET_MODEL_AVX512_LANES_H_
#define MAGNET_MODEL_AVX512_LANES_H_

#include <immintrin.h>

#include <cstdint>

namespace magnet {
namespace {

constexpr int64_t kLanes = 16;

// Those of the first `count` values.
inline __mmask16 First(int64_t count) {
  if (count >= kLanes) return static_cast<__mmask16>(0xffff);
  return static_cast<__mmask16>(count <= 0 ? 0 : (1 << count) - 1);
}

}  // namespace
}  // namespace magnet

#endif  // MAGNET_MODEL_AVX512_LANES_H_
