// What Int8Kernels do beside products, by the lanes that a file is compiled for (model/lanes.h).
// Each file that includes it has a copy of its own.
#ifndef MAGNET_MODEL_INT8_INT8_ROW_KERNELS_H_
#define MAGNET_MODEL_INT8_INT8_ROW_KERNELS_H_

#include "model/int8/int8_kernels.h"
#include "model/lanes.h"

namespace magnet {
namespace {  // NOLINT(google-build-namespaces): see above

// |values| [0, size) of a group.
inline float LargestOf(const float* x, int64_t size) {
  Floats largest = Spread(0);
  ForEachVector(size, [&](int64_t i, auto lanes) {
    largest = LargerMagnitude(largest, Abs(Load(x + i, lanes)));
  });
  return LargestMagnitude(largest);
}

template <int kRange>
void QuantizeRow(const float* x, int64_t count, uint8_t* values, float* scales) {
  for (int64_t begin = 0; begin < count; begin += kInt8Group, values += kInt8Group, ++scales) {
    const int64_t left = count - begin, size = left < kInt8Group ? left : kInt8Group;
    const float largest = LargestOf(x + begin, size);
    *scales = largest / kRange;
    const Floats inverse = Spread(largest > 0 ? kRange / largest : 0);
    ForEachVector(size, [&](int64_t i, auto lanes) {
      StoreBytes(values + i, Load(x + begin + i, lanes) * inverse, kRange);
    });
    __builtin_memset(values + size, kRange, kInt8Group - size);
  }
}

inline float SumOf(const float* x, int64_t count) {
  Floats sum = Spread(0);
  ForEachVector(count, [&](int64_t i, auto lanes) { sum += Load(x + i, lanes); });
  return Sum(sum);
}

// Of what differs from the mean.
inline float SumOfSquares(const float* x, float mean, int64_t count) {
  Floats sum = Spread(0);
  ForEachVector(count, [&](int64_t i, auto lanes) {
    const Floats d = Choose(lanes, Load(x + i, lanes) - Spread(mean), Spread(0));
    sum = MultiplyAdd(d, d, sum);
  });
  return Sum(sum);
}

inline void NormalizeRow(const float* x, const float* gain, const float* bias, float epsilon,
                         int64_t count, float* normalized) {
  const float mean = SumOf(x, count) / static_cast<float>(count);
  const float variance = SumOfSquares(x, mean, count) / static_cast<float>(count);
  const Floats inverse = Spread(1 / __builtin_sqrtf(variance + epsilon));
  ForEachVector(count, [&](int64_t i, auto lanes) {
    const Floats d = Load(x + i, lanes) - Spread(mean);
    Store(normalized + i, MultiplyAdd(d * inverse, Load(gain + i, lanes), Load(bias + i, lanes)),
          lanes);
  });
}

template <typename Lanes>
inline Floats BiasedSums(const float* sums, const Int8Output& output, int64_t column, Lanes lanes) {
  const Floats bias = output.bias == nullptr ? Spread(0) : Load(output.bias + column, lanes);
  return Load(sums + column) + bias;
}

inline void StoreSums(const float* sums, const Int8Output& output, float* y) {
  ForEachVector(output.columns, [&](int64_t i, auto lanes) {
    Store(y + i, BiasedSums(sums, output, i, lanes), lanes);
  });
}

inline void AddSums(const float* sums, const Int8Output& output, float* y) {
  ForEachVector(output.columns, [&](int64_t i, auto lanes) {
    Store(y + i, Load(y + i, lanes) + BiasedSums(sums, output, i, lanes), lanes);
  });
}

inline Floats GeluOf(Floats x) {
  const Floats u = Min(Max(x, Spread(-kGeluBound)), Spread(kGeluBound));
  const Floats t = MultiplyAdd(u * u, Spread(2 / (kGeluBound * kGeluBound)), Spread(-1));
  Floats p = Spread(kGeluPolynomial[kGeluDegree]);
#pragma GCC unroll 13
  for (int i = kGeluDegree - 1; i >= 0; --i) p = MultiplyAdd(p, t, Spread(kGeluPolynomial[i]));
  return x * MultiplyAdd(u, p, Spread(0.5f));
}

inline void GeluOfSums(float* sums, const Int8Output& output) {
  ForEachVector(output.columns, [&](int64_t i, auto lanes) {
    Store(sums + i, Choose(lanes, GeluOf(BiasedSums(sums, output, i, lanes)), Spread(0)));
  });
  ZeroBeyond(sums, output.columns, kInt8Columns);
}

// All kernels of a file, of which `multiply` alone is its own.
template <int kRange>
constexpr Int8Kernels KernelsAround(decltype(Int8Kernels::multiply) multiply) {
  return {kRange, QuantizeRow<kRange>, NormalizeRow, multiply, StoreSums, AddSums, GeluOfSums};
}

}  // namespace
}  // namespace magnet

#endif  // MAGNET_MODEL_INT8_INT8_ROW_KERNELS_H_
