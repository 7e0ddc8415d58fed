#include "model/magnet/range_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/magnet/transformer.h"

namespace magnet {
namespace {

constexpr int kContext = 2;

struct Case {
  const char* name;
  std::vector<int64_t> queries, keys;
};

class RangeAttention : public ::testing::TestWithParam<Case> {
 protected:
  torch::Tensor queries_ = torch::tensor(GetParam().queries, torch::kLong);
  torch::Tensor keys_ = torch::tensor(GetParam().keys, torch::kLong);
};

INSTANTIATE_TEST_SUITE_P(Frames, RangeAttention,
                         ::testing::Values(Case{"all", {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}},
                                           Case{"some", {1, 5, 9}, {0, 1, 2, 3, 5, 7, 8, 9, 11}},
                                           Case{"alone", {4}, {4}}),
                         [](const auto& info) { return info.param.name; });

// If it fails, a stage after the first sees other frames than the reference's.
TEST_P(RangeAttention, RangesAreTheMasksTrueKeys) {
  const LmConfig config = {.subcodes_context = kContext};
  const torch::Tensor mask = AttentionMask(config, /*stage=*/1, queries_, keys_);
  const auto ranges = RangesWithin(kContext, queries_, keys_);
  ASSERT_EQ(ranges.size(), GetParam().queries.size());
  for (size_t m = 0; m < ranges.size(); ++m) {
    torch::Tensor row = torch::zeros({keys_.numel()}, torch::kBool);
    row.narrow(0, ranges[m].first, ranges[m].last - ranges[m].first).fill_(true);
    EXPECT_TRUE(torch::equal(row, mask[m])) << "query " << m;
  }
}

// If it fails, the short way computes something else than attention under the mask.
TEST_P(RangeAttention, EqualsMaskedAttention) {
  torch::manual_seed(1);
  const int64_t num_heads = 3, width = 8, dim = num_heads * width;
  const torch::Tensor q = torch::randn({2, queries_.numel(), dim});
  // Halves of one projection: rows that do not lie side by side.
  const auto kv = torch::randn({2, keys_.numel(), 2 * dim}).chunk(2, -1);
  const auto ranges = RangesWithin(kContext, queries_, keys_);
  const torch::Tensor found = AttendToRanges(q, kv[0], kv[1], ranges, num_heads);

  const auto heads = [&](const torch::Tensor& x) {
    return x.reshape({2, -1, num_heads, width}).transpose(1, 2).to(torch::kDouble);
  };
  const LmConfig config = {.subcodes_context = kContext};
  const torch::Tensor mask = AttentionMask(config, /*stage=*/1, queries_, keys_);
  const torch::Tensor scores = heads(q).matmul(heads(kv[0]).transpose(2, 3)) / std::sqrt(8.0);
  const torch::Tensor weights =
      scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
  const torch::Tensor expected = weights.matmul(heads(kv[1])).transpose(1, 2).flatten(2);
  EXPECT_LT((found - expected).abs().max().item<double>(), 2e-6);
}

}  // namespace
}  // namespace magnet
