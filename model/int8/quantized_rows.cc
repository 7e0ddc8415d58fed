#include "model/int8/quantized_rows.h"

#include <vector>

#include "model/int8/int8_kernels.h"
#include "model/parallel.h"

namespace magnet {
namespace {

constexpr int64_t kRowsPerTask = 16;

struct Destination {
  explicit Destination(QuantizedRows& rows)
      : values(rows.values.data_ptr<uint8_t>()),
        scales(rows.scales.data_ptr<float>()),
        groups(rows.scales.size(1)) {}

  uint8_t* values_of(int64_t row) const { return values + row * groups * kInt8Group; }
  float* scales_of(int64_t row) const { return scales + row * groups; }

  uint8_t* const values;
  float* const scales;
  const int64_t groups;
};

}  // namespace

QuantizedRows QuantizedRows::Empty(int64_t count, int64_t width) {
  const int64_t groups = (width + kInt8Group - 1) / kInt8Group;
  return {torch::empty({count, groups * kInt8Group}, torch::kByte),
          torch::empty({count, groups}, torch::kFloat)};
}

QuantizedRows QuantizedRows::Select(const torch::Tensor& rows) const {
  return {values.index_select(0, rows), scales.index_select(0, rows)};
}

QuantizedRows Quantize(const torch::Tensor& x) {
  const int64_t width = x.size(-1), count = x.numel() / width;
  QuantizedRows quantized = QuantizedRows::Empty(count, width);
  const Destination to(quantized);
  const float* const values = x.data_ptr<float>();
  const Int8Kernels& kernels = BestInt8Kernels();
  ParallelFor(count, kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels.quantize(values + row * width, width, to.values_of(row), to.scales_of(row));
    }
  });
  return quantized;
}

QuantizedRows NormalizeAndQuantize(const torch::Tensor& x, torch::nn::LayerNormImpl& norm) {
  const int64_t width = x.size(-1), count = x.numel() / width;
  QuantizedRows quantized = QuantizedRows::Empty(count, width);
  const Destination to(quantized);
  const float *const values = x.data_ptr<float>(), *const gain = norm.weight.data_ptr<float>(),
                     *const bias = norm.bias.data_ptr<float>();
  const auto epsilon = static_cast<float>(norm.options.eps());
  const Int8Kernels& kernels = BestInt8Kernels();
  ParallelFor(count, kRowsPerTask, [&](int64_t begin, int64_t end) {
    std::vector<float> normalized(width);
    for (int64_t row = begin; row < end; ++row) {
      kernels.normalize(values + row * width, gain, bias, epsilon, width, normalized.data());
      kernels.quantize(normalized.data(), width, to.values_of(row), to.scales_of(row));
    }
  });
  return quantized;
}

}  // namespace magnet
