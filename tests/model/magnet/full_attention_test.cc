// Attention of the first stage, and to texts, in float32. If one of these fails, CPUs whose vectors
// it is computed by play other music than the others.
#include "model/magnet/full_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/magnet/attention.h"

namespace magnet {
namespace {

torch::Tensor ByDefinition(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                           int num_heads) {
  const torch::Tensor queries = SplitHeads(q, num_heads).to(torch::kDouble),
                      keys = SplitHeads(k, num_heads).to(torch::kDouble),
                      values = SplitHeads(v, num_heads).to(torch::kDouble);
  const torch::Tensor scores =
      queries.matmul(keys.transpose(-2, -1)) / std::sqrt(static_cast<double>(queries.size(-1)));
  return scores.softmax(-1).matmul(values).transpose(1, 2).flatten(2).to(torch::kFloat);
}

struct Shape {
  int64_t items, num_queries, num_keys;
  int num_heads;
  int64_t width;
};

class FullAttention : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    torch::manual_seed(4);
    const Shape& shape = GetParam();
    const int64_t dim = shape.num_heads * shape.width;
    // Side by side in one tensor, as they are projected; scores of up to some hundred.
    const torch::Tensor kv = torch::randn({shape.items, shape.num_keys, 2 * dim}) * 3;
    q_ = torch::randn({shape.items, shape.num_queries, dim}) * 3;
    k_ = kv.narrow(2, 0, dim);
    v_ = kv.narrow(2, dim, dim);
    if (!CanAttendToAll(q_, shape.num_heads)) GTEST_SKIP() << "no kernels for this CPU";
  }

  const torch::NoGradGuard no_grad_;
  torch::Tensor q_, k_, v_;
};

TEST_P(FullAttention, IsThatOfTheDefinition) {
  const torch::Tensor found = AttendToAll(q_, k_, v_, GetParam().num_heads);
  const torch::Tensor exact = ByDefinition(q_, k_, v_, GetParam().num_heads);
  EXPECT_LT((found - exact).abs().max().item<double>(), 1e-4);
}

// Breaks where a text is heard otherwise with one prompt than with several, whose weights are added
// to the scores and go by LibTorch's attention; or in bfloat16 otherwise than in float32.
TEST_P(FullAttention, ToATextIsTheSameWithWeightsThatAddNothing) {
  const int num_heads = GetParam().num_heads;
  const LayerKv text = {SplitHeads(k_, num_heads), SplitHeads(v_, num_heads)};
  const torch::Tensor nothing = torch::zeros({1, 1, 1, GetParam().num_keys});
  const torch::Tensor found = AttendToText(q_, text, /*score_bias=*/{});
  const torch::Tensor added = AttendToText(q_, text, nothing);
  EXPECT_LT((found - added).abs().max().item<double>(), 1e-4);

  const auto brief = [](const torch::Tensor& x) { return x.to(torch::kBFloat16); };
  const LayerKv brief_text = {brief(text.keys), brief(text.values)};
  const torch::Tensor rounded = AttendToText(brief(q_), brief_text, {}, /*packed=*/true);
  EXPECT_EQ(rounded.scalar_type(), torch::kBFloat16);
  const torch::Tensor exact = ByDefinition(brief(q_).to(torch::kFloat), brief(k_).to(torch::kFloat),
                                           brief(v_).to(torch::kFloat), num_heads);
  EXPECT_LT((rounded.to(torch::kFloat) - exact).abs().max().item<double>(),
            0.005 * exact.abs().max().item<double>());
}

// Breaks where a seed's music depends on what is computed beside it.
TEST_P(FullAttention, ARowDoesNotDependOnTheOthers) {
  const int64_t last = GetParam().num_queries - 1;
  const torch::Tensor all = AttendToAll(q_, k_, v_, GetParam().num_heads);
  const torch::Tensor one = AttendToAll(q_.narrow(1, last, 1), k_, v_, GetParam().num_heads);
  EXPECT_TRUE(torch::equal(one, all.narrow(1, last, 1)));
}

// Breaks where a model's broken weights make music instead of an error.
TEST_P(FullAttention, WhatIsNoNumberStaysNone) {
  q_.select(1, 0).fill_(NAN);
  const torch::Tensor found = AttendToAll(q_, k_, v_, GetParam().num_heads);
  EXPECT_TRUE(found.select(1, 0).isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Shapes, FullAttention,
                         ::testing::Values(Shape{2, 50, 50, 4, 64}, Shape{1, 6, 64, 2, 16},
                                           Shape{1, 7, 65, 1, 32}, Shape{3, 13, 1, 2, 48},
                                           Shape{1, 130, 130, 1, 32}));

}  // namespace
}  // namespace magnet
