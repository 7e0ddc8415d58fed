// AttentionKernels by the lanes that a file is compiled for (model/lanes.h). Each file that
// includes it has a copy of its own.
#ifndef MAGNET_MODEL_MAGNET_ATTENTION_LANES_H_
#define MAGNET_MODEL_MAGNET_ATTENTION_LANES_H_

#include "model/lanes.h"
#include "model/magnet/attention_kernels.h"

namespace magnet {
namespace {  // NOLINT(google-build-namespaces): see above

// Where nothing may be seen: its exponential is zero.
constexpr float kUnseen = -1e30f;
// Vectors of a row that stay in registers for kQueriesAtOnce rows: 24 of 32, or 12 of 16.
constexpr int kVectorsAtOnce = kLanes == 16 ? 4 : 2;
static_assert(kKeysAtOnce % (kVectorsAtOnce * kLanes) == 0);

// e^x for x <= 0, within 2 units of the last place. 2^f by its series, |f| <= 1/2.
inline Floats Exp(Floats x) {
  // In this order: of a number and none, the maximum is the second.
  const Floats y = Max(Spread(-87.0f), x) * Spread(1.44269504f);
  const Floats whole = Nearest(y);
  const Floats f = y - whole;
  Floats p = Spread(1.54035304e-4f);
  p = MultiplyAdd(p, f, Spread(1.33335581e-3f));
  p = MultiplyAdd(p, f, Spread(9.61812911e-3f));
  p = MultiplyAdd(p, f, Spread(5.55041087e-2f));
  p = MultiplyAdd(p, f, Spread(2.40226507e-1f));
  p = MultiplyAdd(p, f, Spread(6.93147181e-1f));
  p = MultiplyAdd(p, f, Spread(1.0f));
  return TimesTwoToThe(p, whole);
}

// y [R, V vectors] = factor * x [R, depth] w [depth, V vectors], rows `strides` apart.
template <int R, int V>
inline void Product(const float* x, int64_t x_stride, const float* w, int64_t w_stride,
                    int64_t depth, float factor, float* y, int64_t y_stride) {
  Floats sums[R][V];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = Spread(0);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Floats row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = Load(w + k * w_stride + v * kLanes);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const Floats spread = Spread(x[r * x_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] = MultiplyAdd(spread, row[v], sums[r][v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      Store(y + r * y_stride + v * kLanes, sums[r][v] * Spread(factor));
    }
  }
}

// Scores [R, count] of R queries, rows `stride` apart -> e^(score - largest); inverse[r] = 1 /
// their sum. Rows side by side, since within a row each maximum waits for the one before.
template <int R>
inline void Soften(float* scores, int64_t count, int64_t stride, float (&inverse)[R]) {
  Floats largest[R], sums[R];
  for (int r = 0; r < R; ++r) {
    largest[r] = Spread(kUnseen);
    sums[r] = Spread(0);
  }
  ForEachVector(count, [&](int64_t n, auto seen) {
    for (int r = 0; r < R; ++r) {
      const Floats score = Choose(seen, Load(scores + r * stride + n, seen), Spread(kUnseen));
      largest[r] = Max(largest[r], score);
    }
  });
  for (int r = 0; r < R; ++r) largest[r] = Spread(Largest(largest[r]));
  ForEachVector(count, [&](int64_t n, auto seen) {
    for (int r = 0; r < R; ++r) {
      float* const score = scores + r * stride + n;
      const Floats raised = Choose(seen, Exp(Load(score, seen) - largest[r]), Spread(0));
      Store(score, raised);
      sums[r] += raised;
    }
  });
  for (int r = 0; r < R; ++r) inverse[r] = 1 / Sum(sums[r]);
}

// A head's keys turned, kKeysAtOnce side by side, and its values without gaps.
struct PackedHead {
  float* keys;    // [padded / kKeysAtOnce, width, kKeysAtOnce]
  float* values;  // [num_keys, width]
  float* scores;  // [kQueriesAtOnce, padded]
  int64_t padded;
};

inline PackedHead Pack(const AttentionHead& head, float* scratch) {
  const int64_t padded = PaddedKeys(head.num_keys), width = head.width;
  const PackedHead packed = {scratch, scratch + width * padded, scratch + 2 * width * padded,
                             padded};
  for (int64_t n = 0; n < padded; ++n) {
    const bool exists = n < head.num_keys;
    float* const key = packed.keys + n / kKeysAtOnce * kKeysAtOnce * width + n % kKeysAtOnce;
    for (int64_t i = 0; i < width; ++i) {
      key[i * kKeysAtOnce] = exists ? head.keys[n * head.key_stride + i] : 0;
    }
    for (int64_t i = 0; exists && i < width; i += kLanes) {
      Store(packed.values + n * width + i, Load(head.values + n * head.value_stride + i));
    }
  }
  return packed;
}

// R queries with V vectors of keys, from key n on, which begins a vector -> packed.scores.
template <int R, int V>
inline void Score(const AttentionHead& head, const float* queries, const PackedHead& packed,
                  int64_t n, float scale) {
  const float* const keys =
      packed.keys + n / kKeysAtOnce * kKeysAtOnce * head.width + n % kKeysAtOnce;
  Product<R, V>(queries, head.query_stride, keys, kKeysAtOnce, head.width, scale, packed.scores + n,
                packed.padded);
}

template <int R, int V>
void AttendRows(const AttentionHead& head, int64_t m, const PackedHead& packed) {
  const int64_t padded = packed.padded, width = head.width;
  const float* const queries = head.queries + m * head.query_stride;
  const float scale = 1 / __builtin_sqrtf(static_cast<float>(width));
  int64_t n = 0;
  for (; n + (kVectorsAtOnce - 1) * kLanes < head.num_keys; n += kVectorsAtOnce * kLanes) {
    Score<R, kVectorsAtOnce>(head, queries, packed, n, scale);
  }
  for (; n < head.num_keys; n += kLanes) Score<R, 1>(head, queries, packed, n, scale);
  float inverse[R];
  Soften<R>(packed.scores, head.num_keys, padded, inverse);
  float* const out = head.out + m * head.out_stride;
  for (int64_t i = 0; i < width; i += V * kLanes) {
    Product<R, V>(packed.scores, padded, packed.values + i, width, head.num_keys, 1.0f, out + i,
                  head.out_stride);
  }
  for (int r = 0; r < R; ++r) {
    for (int64_t i = 0; i < width; ++i) out[r * head.out_stride + i] *= inverse[r];
  }
}

template <int V>
void AttendHead(const AttentionHead& head, float* scratch) {
  const PackedHead packed = Pack(head, scratch);
  int64_t m = 0;
  for (; m + kQueriesAtOnce <= head.num_queries; m += kQueriesAtOnce) {
    AttendRows<kQueriesAtOnce, V>(head, m, packed);
  }
  for (; m < head.num_queries; ++m) AttendRows<1, V>(head, m, packed);
}

inline void AttendToAllKeys(const AttentionHead& head, float* scratch) {
  const int64_t vectors = head.width / kLanes;
  if (vectors % kVectorsAtOnce == 0) return AttendHead<kVectorsAtOnce>(head, scratch);
  if (vectors == 3) return AttendHead<3>(head, scratch);
  if (vectors == 2) return AttendHead<2>(head, scratch);
  AttendHead<1>(head, scratch);
}

template <int V>
void AttendToNeighbours(const float* query, const AttendedKeys& keys, float* scores, float* out) {
  const int64_t count = keys.end - keys.first;
  const float scale = 1 / __builtin_sqrtf(static_cast<float>(V * kLanes));
  for (int64_t n = 0; n < count; ++n) {
    const float* const key = keys.keys + (keys.first + n) * keys.key_stride;
    Floats sum = Load(query) * Load(key);
    for (int v = 1; v < V; ++v) {
      sum = MultiplyAdd(Load(query + v * kLanes), Load(key + v * kLanes), sum);
    }
    const float bias = keys.score_bias == nullptr ? 0 : keys.score_bias[keys.first + n];
    scores[n] = Sum(sum) * scale + bias;
  }
  float inverse[1];
  Soften<1>(scores, count, count, inverse);
  Floats sums[V];
  for (int v = 0; v < V; ++v) sums[v] = Spread(0);
  for (int64_t n = 0; n < count; ++n) {
    const Floats weight = Spread(scores[n] * inverse[0]);
    const float* const value = keys.values + (keys.first + n) * keys.value_stride;
    for (int v = 0; v < V; ++v) sums[v] = MultiplyAdd(weight, Load(value + v * kLanes), sums[v]);
  }
  for (int v = 0; v < V; ++v) Store(out + v * kLanes, sums[v]);
}

inline void AttendToRange(const float* query, const AttendedKeys& keys, int64_t width,
                          float* scores, float* out) {
  constexpr int kPer16 = 16 / kLanes;
  switch (width / 16) {
    case 1:
      return AttendToNeighbours<kPer16>(query, keys, scores, out);
    case 2:
      return AttendToNeighbours<2 * kPer16>(query, keys, scores, out);
    case 3:
      return AttendToNeighbours<3 * kPer16>(query, keys, scores, out);
    default:
      return AttendToNeighbours<4 * kPer16>(query, keys, scores, out);
  }
}

}  // namespace
}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_ATTENTION_LANES_H_
