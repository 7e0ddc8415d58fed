#include <algorithm>
#include <cmath>

#include "model/int8/int8_kernels.h"

namespace magnet {
namespace {

constexpr int kRange = 127;

// What is no number counts as larger than all.
float LargerMagnitude(float a, float b) { return a < b || std::isnan(b) ? b : a; }

void Quantize(const float* x, int64_t count, uint8_t* values, float* scales) {
  for (int64_t begin = 0; begin < count; begin += kInt8Group, values += kInt8Group, ++scales) {
    const int64_t size = std::min(kInt8Group, count - begin);
    float largest = 0;
    for (int64_t i = 0; i < size; ++i) largest = LargerMagnitude(largest, std::fabs(x[begin + i]));
    *scales = largest / kRange;
    const float inverse = largest > 0 ? kRange / largest : 0;
    for (int64_t i = 0; i < kInt8Group; ++i) {
      const float q =
          i < size && std::isfinite(largest) ? std::nearbyint(x[begin + i] * inverse) : 0;
      values[i] = static_cast<uint8_t>(static_cast<int>(q) + kRange);
    }
  }
}

void Normalize(const float* x, const float* gain, const float* bias, float epsilon, int64_t count,
               float* normalized) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double inverse = 1 / std::sqrt(squares / static_cast<double>(count) + epsilon);
  for (int64_t i = 0; i < count; ++i) {
    normalized[i] = static_cast<float>((x[i] - mean) * inverse) * gain[i] + bias[i];
  }
}

float SumOfGroups(const Int8RowBlock& rows, int64_t row, const Int8ColumnBlock& columns,
                  int64_t column) {
  const int64_t in = rows.groups * kInt8Group;
  const uint8_t* const x = rows.values + row * in;
  const int8_t* const w =
      columns.values + column / kInt8Panel * kInt8Panel * in + column % kInt8Panel * 4;
  float sum = 0;
  for (int64_t g = 0; g < rows.groups; ++g) {
    int32_t exact = columns.offsets[g * columns.stride + column];
    for (int64_t k = g * kInt8Group; k < (g + 1) * kInt8Group; ++k) {
      exact += x[k] * w[k / 4 * 4 * kInt8Panel + k % 4];
    }
    const float scale =
        rows.scales[row * rows.groups + g] * columns.scales[g * columns.stride + column];
    sum = std::fma(static_cast<float>(exact), scale, sum);
  }
  return sum;
}

void Multiply(const Int8RowBlock& rows, const Int8ColumnBlock& columns, float* sums) {
  for (int64_t row = 0; row < rows.count; ++row) {
    for (int64_t column = 0; column < kInt8Columns; ++column) {
      sums[row * kInt8Columns + column] = SumOfGroups(rows, row, columns, column);
    }
  }
}

float Biased(const float* sums, const Int8Output& output, int64_t column) {
  return sums[column] + (output.bias == nullptr ? 0 : output.bias[column]);
}

void Store(const float* sums, const Int8Output& output, float* y) {
  for (int64_t i = 0; i < output.columns; ++i) y[i] = Biased(sums, output, i);
}

void Add(const float* sums, const Int8Output& output, float* y) {
  for (int64_t i = 0; i < output.columns; ++i) y[i] += Biased(sums, output, i);
}

float GeluOf(float x) {
  const float u = std::clamp(x, -kGeluBound, kGeluBound);
  const float t = std::fma(u * u, 2 / (kGeluBound * kGeluBound), -1.0f);
  float p = kGeluPolynomial[kGeluDegree];
  for (int i = kGeluDegree - 1; i >= 0; --i) p = std::fma(p, t, kGeluPolynomial[i]);
  return x * std::fma(u, p, 0.5f);
}

void Gelu(float* sums, const Int8Output& output) {
  for (int64_t i = 0; i < kInt8Columns; ++i) {
    sums[i] = i < output.columns ? GeluOf(Biased(sums, output, i)) : 0;
  }
}

}  // namespace

const Int8Kernels& PortableInt8Kernels() {
  static constexpr Int8Kernels kKernels = {kRange, Quantize, Normalize, Multiply, Store, Add, Gelu};
  return kKernels;
}

}  // namespace magnet
