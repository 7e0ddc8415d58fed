#include "model/int8/int8_weight.h"

#include <algorithm>
#include <cmath>

#include "model/parallel.h"

namespace magnet {
namespace {

int64_t Blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Of rows [out, in] float32 one row, into the place of its column.
class Packer {
 public:
  Packer(torch::Tensor& values, torch::Tensor& offsets, torch::Tensor& scales)
      : values_(values.data_ptr<int8_t>()),
        offsets_(offsets.data_ptr<int32_t>()),
        scales_(scales.data_ptr<float>()),
        padded_out_(offsets.size(1)),
        padded_in_(offsets.size(0) * kInt8Group) {}

  void Pack(const float* weight, int64_t in, int64_t column) const {
    int8_t* const panel = values_ + column / kInt8Panel * kInt8Panel * padded_in_;
    for (int64_t k = 0; k < in; k += kInt8Group) {
      const int64_t at = k / kInt8Group * padded_out_ + column;
      PackGroup(weight + k, std::min(kInt8Group, in - k),
                panel + k * kInt8Panel + column % kInt8Panel * 4, scales_[at], offsets_[at]);
    }
  }

 private:
  void PackGroup(const float* weight, int64_t size, int8_t* values, float& scale,
                 int32_t& offset) const {
    float largest = 0;
    bool finite = true;
    for (int64_t k = 0; k < size; ++k) {
      largest = std::max(largest, std::fabs(weight[k]));
      finite &= std::isfinite(weight[k]);
    }
    scale = finite ? largest / static_cast<float>(range_) : NAN;
    if (!finite || largest == 0) return;
    const float inverse = static_cast<float>(range_) / largest;
    int32_t sum = 0;
    for (int64_t k = 0; k < size; ++k) {
      const auto q = static_cast<int8_t>(std::nearbyint(weight[k] * inverse));
      values[k / 4 * 4 * kInt8Panel + k % 4] = q;
      sum += q;
    }
    offset = -range_ * sum;
  }

  int8_t* const values_;
  int32_t* const offsets_;
  float* const scales_;
  const int64_t padded_out_, padded_in_;
  const int range_ = BestInt8Kernels().range;
};

}  // namespace

Int8Weight::Int8Weight(const torch::Tensor& weight, const torch::Tensor& bias)
    : out_(weight.size(0)) {
  const torch::Tensor rows = weight.detach().to(torch::kFloat).contiguous();
  const int64_t in = rows.size(1), groups = Blocks(in, kInt8Group);
  const int64_t padded_out = Blocks(out_, kInt8Columns) * kInt8Columns;
  values_ = torch::zeros({padded_out * groups * kInt8Group}, torch::kChar);
  offsets_ = torch::zeros({groups, padded_out}, torch::kInt);
  scales_ = torch::zeros({groups, padded_out}, torch::kFloat);
  if (bias.defined()) bias_ = bias.detach().to(torch::kFloat).contiguous().clone();
  const Packer packer(values_, offsets_, scales_);
  const float* const first = rows.data_ptr<float>();
  ParallelFor(out_, kInt8Panel, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) packer.Pack(first + n * in, in, n);
  });
}

int64_t Int8Weight::num_bytes() const {
  return values_.nbytes() + offsets_.nbytes() + scales_.nbytes() +
         (bias_.defined() ? bias_.nbytes() : 0);
}

void Int8Weight::ForEachRowOfSums(const QuantizedRows& x, UseSums use) const {
  const int64_t groups = offsets_.size(0), padded_in = groups * kInt8Group;
  TORCH_CHECK(x.scales.size(1) == groups, "rows of ", x.scales.size(1), " groups, weight of ",
              groups);
  const uint8_t* const values = x.values.data_ptr<uint8_t>();
  const float* const row_scales = x.scales.data_ptr<float>();
  const int64_t row_blocks = Blocks(x.count(), kInt8Rows);
  const int8_t* const weights = values_.data_ptr<int8_t>();
  const float* const weight_scales = scales_.data_ptr<float>();
  const int32_t* const offsets = offsets_.data_ptr<int32_t>();
  const float* const bias = bias_.defined() ? bias_.data_ptr<float>() : nullptr;
  const Int8Kernels& kernels = BestInt8Kernels();
  // Row blocks one after the other: the weights of a column block stay in L2.
  RunTasks(Blocks(out_, kInt8Columns) * row_blocks, [&](int64_t task) {
    const int64_t row = task % row_blocks * kInt8Rows, column = task / row_blocks * kInt8Columns;
    const int64_t count = std::min(kInt8Rows, x.count() - row);
    alignas(64) float sums[kInt8Rows * kInt8Columns];
    kernels.multiply(
        {values + row * padded_in, row_scales + row * groups, groups, count},
        {weights + column * padded_in, weight_scales + column, offsets + column, offsets_.size(1)},
        sums);
    const Int8Output output = {bias == nullptr ? nullptr : bias + column,
                               std::min(kInt8Columns, out_ - column)};
    for (int64_t i = 0; i < count; ++i) use(row + i, column, output, sums + i * kInt8Columns);
  });
}

torch::Tensor Int8Weight::Multiply(const QuantizedRows& x) const {
  torch::Tensor y = torch::empty({x.count(), out_}, torch::kFloat);
  float* const to = y.data_ptr<float>();
  const Int8Kernels& kernels = BestInt8Kernels();
  ForEachRowOfSums(x, [&](int64_t row, int64_t column, const Int8Output& output, float* sums) {
    kernels.store(sums, output, to + row * out_ + column);
  });
  return y;
}

void Int8Weight::AddProduct(const QuantizedRows& x, torch::Tensor& sum) const {
  TORCH_CHECK(sum.is_contiguous() && sum.numel() == x.count() * out_, "sum of another shape");
  float* const to = sum.data_ptr<float>();
  const Int8Kernels& kernels = BestInt8Kernels();
  ForEachRowOfSums(x, [&](int64_t row, int64_t column, const Int8Output& output, float* sums) {
    kernels.add(sums, output, to + row * out_ + column);
  });
}

QuantizedRows Int8Weight::MultiplyGelu(const QuantizedRows& x) const {
  QuantizedRows y = QuantizedRows::Empty(x.count(), out_);
  uint8_t* const values = y.values.data_ptr<uint8_t>();
  float* const scales = y.scales.data_ptr<float>();
  const int64_t groups = y.scales.size(1);
  const Int8Kernels& kernels = BestInt8Kernels();
  ForEachRowOfSums(x, [&](int64_t row, int64_t column, const Int8Output& output, float* sums) {
    kernels.gelu(sums, output);
    kernels.quantize(sums, kInt8Columns, values + row * groups * kInt8Group + column,
                     scales + row * groups + column / kInt8Group);
  });
  return y;
}

}  // namespace magnet
