// The kernels in 8 bits: the plain loops by arithmetic, the others by the plain loops. If one of
// these fails, `--precision int8` makes other music than the model's.
#include "model/int8/int8_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "model/cpu_features.h"

namespace magnet {
namespace {

std::vector<float> Normal(size_t count, float deviation) {
  static std::mt19937 random(7);
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

std::vector<const Int8Kernels*> AllOfThisCpu() {
  std::vector<const Int8Kernels*> all = {&PortableInt8Kernels()};
  if (CpuHasAvx2()) all.push_back(Avx2Int8Kernels());
  if (CpuHasAvxVnni()) all.push_back(AvxVnniInt8Kernels());
  if (CpuHasAmxInt8()) all.push_back(AmxInt8Kernels());
  if (CpuHasVnni()) all.push_back(VnniInt8Kernels());
  return all;
}

// Breaks where a value is rounded by more than half a step of its group, or the rest of the last
// group is not zero.
TEST(Int8Kernels, ValuesComeBackWithinHalfAStep) {
  constexpr int64_t kCount = 300, kGroups = 3;
  std::vector<float> x = Normal(kCount, 3);
  x[5] = 1000;  // spoils its own group alone
  for (const Int8Kernels* const kernels : AllOfThisCpu()) {
    std::vector<uint8_t> values(kGroups * kInt8Group);
    std::vector<float> scales(kGroups);
    kernels->quantize(x.data(), kCount, values.data(), scales.data());
    EXPECT_LT(scales[1], 0.2f);
    EXPECT_LE(kernels->range, 127);
    for (int64_t i = 0; i < kGroups * kInt8Group; ++i) {
      const float scale = scales[i / kInt8Group];
      const float back = static_cast<float>(values[i] - kernels->range) * scale;
      EXPECT_NEAR(back, i < kCount ? x[i] : 0, scale * 0.5001f) << i;
    }
  }
}

TEST(Int8Kernels, ARowOfZerosStaysZero) {
  const std::vector<float> x(kInt8Group);
  for (const Int8Kernels* const kernels : AllOfThisCpu()) {
    std::vector<uint8_t> values(kInt8Group);
    float scale = 1;
    kernels->quantize(x.data(), kInt8Group, values.data(), &scale);
    EXPECT_EQ(scale, 0);
    for (const uint8_t value : values) EXPECT_EQ(value, kernels->range);
  }
}

// Breaks where a model's broken weights make music instead of an error.
TEST(Int8Kernels, WhatIsNotFiniteHasNoFiniteScale) {
  for (const float wrong : {NAN, -NAN, INFINITY, -INFINITY}) {
    for (const int64_t place : {0, 77, 127}) {
      std::vector<float> x = Normal(kInt8Group, 3);
      x[place] = wrong;
      for (const Int8Kernels* const kernels : AllOfThisCpu()) {
        std::vector<uint8_t> values(kInt8Group);
        float scale = 1;
        kernels->quantize(x.data(), kInt8Group, values.data(), &scale);
        EXPECT_FALSE(std::isfinite(scale)) << wrong << ' ' << place;
      }
    }
  }
}

TEST(Int8Kernels, NormHasMeanZeroAndDeviationOne) {
  for (const int64_t count : {16, 100, 256}) {
    const std::vector<float> x = Normal(count, 5), gain(count, 2), bias(count, 0.5f);
    for (const Int8Kernels* const kernels : AllOfThisCpu()) {
      std::vector<float> y(count);
      kernels->normalize(x.data(), gain.data(), bias.data(), 1e-5f, count, y.data());
      double sum = 0, squares = 0;
      for (const float value : y) sum += value;
      for (const float value : y) squares += (value - 0.5) * (value - 0.5);
      EXPECT_NEAR(sum / static_cast<double>(count), 0.5, 1e-5);
      EXPECT_NEAR(squares / static_cast<double>(count), 4, 1e-3);
    }
  }
}

// One block of any number of rows: whole numbers of the whole range and scales by plain arithmetic.
class Product {
 public:
  Product(int64_t rows, int64_t groups, int range) : rows_(rows), groups_(groups), range_(range) {
    std::mt19937 random(11);
    std::uniform_int_distribution<int> whole(-range, range);
    for (int64_t i = 0; i < rows * in(); ++i)
      x_.push_back(static_cast<uint8_t>(whole(random) + range));
    for (int64_t i = 0; i < kInt8Columns * in(); ++i)
      w_.push_back(static_cast<int8_t>(whole(random)));
    // Sums of two products that are as large as they can be.
    for (int64_t n = 0; n < 4; ++n) {
      for (int64_t k = 0; k < 8; ++k) {
        x_[k] = static_cast<uint8_t>(2 * range);
        w_[PlaceOf(n, k)] = static_cast<int8_t>(n % 2 == 0 ? range : -range);
      }
    }
    row_scales_ = Normal(rows * groups, 0.1f);
    scales_ = Normal(groups * kInt8Columns, 0.1f);
    offsets_.assign(groups * kInt8Columns, 0);
    for (int64_t n = 0; n < kInt8Columns; ++n) {
      for (int64_t k = 0; k < in(); ++k)
        offsets_[k / kInt8Group * kInt8Columns + n] -= range * Weight(n, k);
    }
  }

  std::vector<float> Run(const Int8Kernels& kernels) const {
    std::vector<float> sums(rows_ * kInt8Columns, NAN);
    kernels.multiply({x_.data(), row_scales_.data(), groups_, rows_},
                     {w_.data(), scales_.data(), offsets_.data(), kInt8Columns}, sums.data());
    return sums;
  }

  double Exact(int64_t row, int64_t n) const {
    double sum = 0;
    for (int64_t k = 0; k < in(); ++k) {
      const int64_t g = k / kInt8Group;
      sum += static_cast<double>(x_[row * in() + k] - range_) * Weight(n, k) *
             double{row_scales_[row * groups_ + g]} * double{scales_[g * kInt8Columns + n]};
    }
    return sum;
  }

 private:
  int64_t in() const { return groups_ * kInt8Group; }
  // By the order that Int8ColumnBlock describes.
  int64_t PlaceOf(int64_t n, int64_t k) const {
    return ((n / kInt8Panel * in() / 4 + k / 4) * kInt8Panel + n % kInt8Panel) * 4 + k % 4;
  }
  int Weight(int64_t n, int64_t k) const { return w_[PlaceOf(n, k)]; }

  const int64_t rows_, groups_;
  const int range_;
  std::vector<uint8_t> x_;
  std::vector<int8_t> w_;
  std::vector<float> row_scales_, scales_;
  std::vector<int32_t> offsets_;
};

// Breaks where a row, a panel or a group is left out or read from another's place.
TEST(Int8Kernels, ProductsAreThoseOfTheWholeNumbers) {
  for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 16, 17, 33, 48}) {
    for (const int64_t groups : {1, 4, 5}) {
      for (const Int8Kernels* const kernels : AllOfThisCpu()) {
        const Product product(rows, groups, kernels->range);
        const std::vector<float> sums = product.Run(*kernels);
        for (int64_t i = 0; i < rows * kInt8Columns; ++i) {
          const double exact = product.Exact(i / kInt8Columns, i % kInt8Columns);
          ASSERT_NEAR(sums[i], exact, 1e-5 * std::fabs(exact) + 0.02)
              << rows << ' ' << groups << ' ' << i;
        }
      }
    }
  }
}

TEST(Int8Kernels, KernelsOfTheCpuGiveTheBitsOfThePlainLoops) {
  for (const int64_t rows : {1, 7, 16, 31, 48}) {
    for (const Int8Kernels* const kernels : AllOfThisCpu()) {
      const Product product(rows, 5, kernels->range);
      EXPECT_EQ(product.Run(*kernels), product.Run(PortableInt8Kernels()));
    }
  }
}

// Breaks where outputs beyond the last are written, or a bias is another column's.
TEST(Int8Kernels, SumsAreStoredAndAdded) {
  const std::vector<float> sums = Normal(kInt8Columns, 10), bias = Normal(kInt8Columns, 1);
  for (const Int8Kernels* const kernels : AllOfThisCpu()) {
    for (const int64_t columns : {1, 16, 77, 128}) {
      std::vector<float> stored(kInt8Columns, 7), added(kInt8Columns, 7), bare(kInt8Columns, 7);
      kernels->store(sums.data(), {bias.data(), columns}, stored.data());
      kernels->add(sums.data(), {bias.data(), columns}, added.data());
      kernels->store(sums.data(), {nullptr, columns}, bare.data());
      for (int64_t i = 0; i < kInt8Columns; ++i) {
        EXPECT_NEAR(stored[i], i < columns ? sums[i] + bias[i] : 7, 1e-4);
        EXPECT_NEAR(added[i], i < columns ? 7 + sums[i] + bias[i] : 7, 1e-4);
        EXPECT_NEAR(bare[i], i < columns ? sums[i] : 7, 1e-4);
      }
    }
  }
}

TEST(Int8Kernels, GeluIsByErf) {
  for (const Int8Kernels* const kernels : AllOfThisCpu()) {
    for (double begin = -20; begin < 20; begin += 0.25 * kInt8Columns / 128) {
      std::vector<float> x(kInt8Columns);
      for (int64_t i = 0; i < kInt8Columns; ++i) x[i] = static_cast<float>(begin + i / 512.0);
      std::vector<float> y = x;
      kernels->gelu(y.data(), {nullptr, kInt8Columns - 1});
      for (int64_t i = 0; i + 1 < kInt8Columns; ++i) {
        EXPECT_NEAR(y[i], x[i] * 0.5 * (1 + std::erf(x[i] / std::sqrt(2.0))),
                    7e-7 * std::max(5.5f, std::fabs(x[i])))
            << x[i];
      }
      EXPECT_EQ(y.back(), 0);
    }
  }
}

}  // namespace
}  // namespace magnet
