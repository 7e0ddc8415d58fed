// Products with a weight in 8 bits. If one of these fails, a layer of `--precision int8` is
// another function, not a rounder one.
#include "model/int8/int8_weight.h"

#include <gtest/gtest.h>

#include <cmath>

namespace magnet {
namespace {

constexpr int kRows = 100, kIn = 300, kOut = 200;

// Of a product, relative: what is left by rounding rows and weights to that many steps.
const double kTolerance = 1.6 / BestInt8Kernels().range;

double Error(const torch::Tensor& found, const torch::Tensor& exact) {
  return ((found - exact).norm() / exact.norm()).item<double>();
}

class Int8WeightTest : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(3); }

  const torch::NoGradGuard no_grad_;
  const torch::Tensor x_ = torch::randn({kRows, kIn}), weight_ = torch::randn({kOut, kIn}) * 0.1,
                      bias_ = torch::randn({kOut});
};

TEST_F(Int8WeightTest, ProductsAreThoseOfFloat32WithinRounding) {
  const Int8Weight packed(weight_, bias_);
  const torch::Tensor exact = torch::linear(x_, weight_, bias_);
  EXPECT_LT(Error(packed.Multiply(Quantize(x_)), exact), kTolerance);
  const torch::Tensor before = torch::randn({kRows, kOut});
  torch::Tensor sum = before.clone();
  packed.AddProduct(Quantize(x_), sum);
  EXPECT_LT(Error(sum - before, exact), kTolerance);
}

// A weight without a bias, and one of outputs that fill their blocks.
TEST_F(Int8WeightTest, ABiasMayBeMissing) {
  const torch::Tensor weight = torch::randn({256, kIn});
  EXPECT_LT(Error(Int8Weight(weight, {}).Multiply(Quantize(x_)), torch::linear(x_, weight)),
            kTolerance);
}

TEST_F(Int8WeightTest, GeluIsOfTheSumsAndCanBeMultipliedOn) {
  const Int8Weight first(weight_, bias_);
  const torch::Tensor then = torch::randn({kIn, kOut});
  const torch::Tensor exact = torch::linear(torch::gelu(torch::linear(x_, weight_, bias_)), then);
  const QuantizedRows hidden = first.MultiplyGelu(Quantize(x_));
  EXPECT_LT(Error(Int8Weight(then, {}).Multiply(hidden), exact), 1.3 * kTolerance);
}

TEST_F(Int8WeightTest, TheNormIsLibTorchs) {
  torch::nn::LayerNorm norm(torch::nn::LayerNormOptions({kIn}).eps(1e-5));
  norm->weight.copy_(torch::randn({kIn}));
  norm->bias.copy_(torch::randn({kIn}));
  const Int8Weight packed(weight_, {});
  const torch::Tensor far = x_ * 4 + 20;
  EXPECT_LT(
      Error(packed.Multiply(NormalizeAndQuantize(far, *norm)), torch::linear(norm(far), weight_)),
      kTolerance);
}

// What a seed plays must not depend on what is computed beside it.
TEST_F(Int8WeightTest, ARowDoesNotDependOnTheOthers) {
  const Int8Weight packed(weight_, bias_);
  const QuantizedRows all = Quantize(x_);
  const torch::Tensor rows = torch::tensor({7, 61, 99});
  EXPECT_TRUE(
      torch::equal(packed.Multiply(all.Select(rows)), packed.Multiply(all).index_select(0, rows)));
}

// Breaks where a model's broken weights make music instead of an error.
TEST_F(Int8WeightTest, AnOutputWithAWeightThatIsNotFiniteIsNoNumber) {
  for (const double wrong : {NAN, INFINITY}) {
    torch::Tensor weight = weight_.clone();
    weight[5][299] = wrong;
    const torch::Tensor y = Int8Weight(weight, bias_).Multiply(Quantize(x_));
    EXPECT_TRUE(y.select(1, 5).isnan().all().item<bool>());
    EXPECT_EQ(y.isnan().sum().item<int64_t>(), kRows);
  }
}

TEST_F(Int8WeightTest, RowsOfAnotherWidthAreRefused) {
  const Int8Weight packed(weight_, bias_);
  EXPECT_THROW(packed.Multiply(Quantize(torch::randn({1, kInt8Group}))), c10::Error);
}

}  // namespace
}  // namespace magnet
