// Compiled with AVX-512: calls nothing that is defined in a header for all, or other files might
// be linked with this one's copy.
#include "model/magnet/full_attention_kernel.h"

#if defined(__AVX512F__)

#include "model/avx512_lanes.h"

namespace magnet {
namespace {

// Where nothing may be seen: its exponential is zero.
constexpr float kUnseen = -1e30f;

// e^x for x <= 0, within 2 units of the last place. 2^f by its series, |f| <= 1/2.
inline __m512 Exp(__m512 x) {
  // In this order: of a number and none, the maximum is the second.
  const __m512 y =
      _mm512_mul_ps(_mm512_max_ps(_mm512_set1_ps(-87.0f), x), _mm512_set1_ps(1.44269504f));
  const __m512 whole = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(y, whole);
  __m512 p = _mm512_set1_ps(1.54035304e-4f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.33335581e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, whole);
}

// y [R, 16 * V] = factor * x [R, depth] w [depth, 16 * V], rows `strides` apart.
template <int R, int V>
inline void Product(const float* x, int64_t x_stride, const float* w, int64_t w_stride,
                    int64_t depth, float factor, float* y, int64_t y_stride) {
  __m512 sums[R][V];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; ++k) {
    __m512 row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = _mm512_loadu_ps(w + k * w_stride + v * kLanes);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const __m512 spread = _mm512_set1_ps(x[r * x_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] = _mm512_fmadd_ps(spread, row[v], sums[r][v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      _mm512_storeu_ps(y + r * y_stride + v * kLanes,
                       _mm512_mul_ps(sums[r][v], _mm512_set1_ps(factor)));
    }
  }
}

// Scores [padded] of one query -> e^(score - largest); returns 1 / their sum.
inline float Soften(float* scores, int64_t num_keys, int64_t padded) {
  __m512 largest = _mm512_set1_ps(kUnseen);
  for (int64_t n = 0; n < padded; n += kLanes) {
    const __m512 seen =
        _mm512_mask_loadu_ps(_mm512_set1_ps(kUnseen), First(num_keys - n), scores + n);
    largest = _mm512_max_ps(largest, seen);
  }
  const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t n = 0; n < padded; n += kLanes) {
    const __m512 raised = _mm512_maskz_mov_ps(
        First(num_keys - n), Exp(_mm512_sub_ps(_mm512_loadu_ps(scores + n), shift)));
    _mm512_storeu_ps(scores + n, raised);
    sum = _mm512_add_ps(sum, raised);
  }
  return 1 / _mm512_reduce_add_ps(sum);
}

struct Packed {
  float* keys;    // [width, padded]: turned
  float* values;  // [padded, width]
  float* scores;  // [kQueriesAtOnce, padded]
  int64_t padded;
};

Packed Pack(const AttentionHead& head, float* scratch) {
  const int64_t padded = (head.num_keys + kKeysAtOnce - 1) / kKeysAtOnce * kKeysAtOnce;
  const Packed packed = {scratch, scratch + head.width * padded, scratch + 2 * head.width * padded,
                         padded};
  for (int64_t n = 0; n < padded; ++n) {
    const bool exists = n < head.num_keys;
    for (int64_t i = 0; i < head.width; ++i) {
      packed.keys[i * padded + n] = exists ? head.keys[n * head.key_stride + i] : 0;
    }
    for (int64_t i = 0; i < head.width; ++i) {
      packed.values[n * head.width + i] = exists ? head.values[n * head.value_stride + i] : 0;
    }
  }
  return packed;
}

template <int R, int V>
void AttendRows(const AttentionHead& head, int64_t m, const Packed& packed) {
  const float* const queries = head.queries + m * head.query_stride;
  const float scale = 1 / __builtin_sqrtf(static_cast<float>(head.width));
  for (int64_t n = 0; n < packed.padded; n += kKeysAtOnce) {
    Product<R, kKeysAtOnce / kLanes>(queries, head.query_stride, packed.keys + n, packed.padded,
                                     head.width, scale, packed.scores + n, packed.padded);
  }
  float inverse[R];
  for (int r = 0; r < R; ++r) {
    inverse[r] = Soften(packed.scores + r * packed.padded, head.num_keys, packed.padded);
  }
  float* const out = head.out + m * head.out_stride;
  Product<R, V>(packed.scores, packed.padded, packed.values, head.width, packed.padded, 1.0f, out,
                head.out_stride);
  for (int r = 0; r < R; ++r) {
    for (int64_t i = 0; i < head.width; ++i) out[r * head.out_stride + i] *= inverse[r];
  }
}

template <int V>
void Attend(const AttentionHead& head, float* scratch) {
  const Packed packed = Pack(head, scratch);
  int64_t m = 0;
  for (; m + kQueriesAtOnce <= head.num_queries; m += kQueriesAtOnce) {
    AttendRows<kQueriesAtOnce, V>(head, m, packed);
  }
  for (; m < head.num_queries; ++m) AttendRows<1, V>(head, m, packed);
}

}  // namespace

void AttendHeadAvx512(const AttentionHead& head, float* scratch) {
  switch (head.width / kLanes) {
    case 1:
      return Attend<1>(head, scratch);
    case 2:
      return Attend<2>(head, scratch);
    case 3:
      return Attend<3>(head, scratch);
    default:
      return Attend<4>(head, scratch);
  }
}

}  // namespace magnet

#else

namespace magnet {

void AttendHeadAvx512(const AttentionHead&, float*) { __builtin_trap(); }

}  // namespace magnet

#endif
