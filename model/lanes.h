// Vectors of floats as wide as the instructions that a file is compiled for: 16 lanes of AVX-512 or
// 8 of AVX2. For files of magnet_compile_for (cmake/MagnetBuild.cmake) alone: each has a copy of
// its own, so that no other file is linked with one of theirs.
//
// Sums, products and differences are those of the compiler: a + b, a * b, a - b.
#ifndef MAGNET_MODEL_LANES_H_
#define MAGNET_MODEL_LANES_H_

#include <immintrin.h>

#include <cstdint>

namespace magnet {
namespace {  // NOLINT(google-build-namespaces): see above

#if defined(__AVX512F__)

constexpr int64_t kLanes = 16;
using Floats = __m512;
using Mask = __mmask16;

// The lanes of the first `count` values.
inline Mask First(int64_t count) {
  if (count >= kLanes) return static_cast<Mask>(0xffff);
  return static_cast<Mask>(count <= 0 ? 0 : (1 << count) - 1);
}

inline Floats Spread(float x) { return _mm512_set1_ps(x); }
inline Floats Load(const float* x) { return _mm512_loadu_ps(x); }
// Zero in the other lanes, which are not read.
inline Floats Load(const float* x, Mask lanes) { return _mm512_maskz_loadu_ps(lanes, x); }
inline Floats LoadWhole(const int32_t* x) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(x)); }
inline void Store(float* y, Floats x) { _mm512_storeu_ps(y, x); }
inline void Store(float* y, Floats x, Mask lanes) { _mm512_mask_storeu_ps(y, lanes, x); }

// x in the lanes of the mask, else `other`.
inline Floats Choose(Mask lanes, Floats x, Floats other) {
  return _mm512_mask_mov_ps(other, lanes, x);
}

inline Floats MultiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
// Of a number and none: b.
inline Floats Max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats Min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats Abs(Floats x) { return _mm512_abs_ps(x); }
// Of magnitudes, which are not negative: what is no number counts as larger than all.
inline Floats LargerMagnitude(Floats a, Floats b) {
  return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
inline Floats Nearest(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2^whole, whole numbers of -126 .. 127.
inline Floats TimesTwoToThe(Floats x, Floats whole) { return _mm512_scalef_ps(x, whole); }
inline float Sum(Floats x) { return _mm512_reduce_add_ps(x); }
inline float Largest(Floats x) { return _mm512_reduce_max_ps(x); }
inline float LargestMagnitude(Floats x) {
  return __builtin_bit_cast(float, _mm512_reduce_max_epi32(_mm512_castps_si512(x)));
}

// y[lane] = x to the nearest, + zero; within 0 .. 255.
inline void StoreBytes(uint8_t* y, Floats x, int zero) {
  const __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm512_cvtepi32_epi8(whole));
}

#elif defined(__AVX2__)

constexpr int64_t kLanes = 8;
using Floats = __m256;
using Mask = __m256i;

inline Mask First(int64_t count) {
  const int lanes = static_cast<int>(count > kLanes ? kLanes : count);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Floats Spread(float x) { return _mm256_set1_ps(x); }
inline Floats Load(const float* x) { return _mm256_loadu_ps(x); }
inline Floats Load(const float* x, Mask lanes) { return _mm256_maskload_ps(x, lanes); }
inline Floats LoadWhole(const int32_t* x) {
  return _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}
inline void Store(float* y, Floats x) { _mm256_storeu_ps(y, x); }
// On Zen a masked store takes 40 steps of its own: for a row's end alone.
inline void Store(float* y, Floats x, Mask lanes) { _mm256_maskstore_ps(y, lanes, x); }

inline Floats Choose(Mask lanes, Floats x, Floats other) {
  return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(lanes));
}

inline Floats MultiplyAdd(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats Max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats Min(Floats a, Floats b) { return _mm256_min_ps(a, b); }
inline Floats Abs(Floats x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
inline Floats LargerMagnitude(Floats a, Floats b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
inline Floats Nearest(Floats x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats TimesTwoToThe(Floats x, Floats whole) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
  return x * _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline float Sum(Floats x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float Largest(Floats x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

inline float LargestMagnitude(Floats x) {
  const __m256i all = _mm256_castps_si256(x);
  const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  const __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
  return __builtin_bit_cast(float, _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_srli_epi64(two, 32))));
}

inline void StoreBytes(uint8_t* y, Floats x, int zero) {
  const __m256i whole = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(zero));
  const __m128i words =
      _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y), _mm_packus_epi16(words, words));
}

#endif

struct AllLanes {};
inline Floats Load(const float* x, AllLanes) { return Load(x); }
inline void Store(float* y, Floats x, AllLanes) { Store(y, x); }
inline Floats Choose(AllLanes, Floats x, Floats /*other*/) { return x; }

// Calls visit(i, lanes) for the vectors at i of `count` values, with AllLanes but for the last one
// where it is cut short.
template <typename Visitor>
inline void ForEachVector(int64_t count, Visitor visit) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) visit(i, AllLanes());
  if (i < count) visit(i, First(count - i));
}

// Zeros from behind the vectors of `count` values on, up to `padded`.
inline void ZeroBeyond(float* y, int64_t count, int64_t padded) {
  for (int64_t i = (count + kLanes - 1) / kLanes * kLanes; i < padded; i += kLanes) {
    Store(y + i, Spread(0));
  }
}

}  // namespace
}  // namespace magnet

#endif  // MAGNET_MODEL_LANES_H_
