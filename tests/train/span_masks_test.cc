#include "train/span_masks.h"

#include <gtest/gtest.h>

#include <set>

#include "model/checkpoint/safetensors.h"
#include "tests/testing/testdata.h"
#include "train/masked_loss.h"

namespace magnet {
namespace {

struct Fixture {
  const char* name;
  int span_len;
};

class TrainingParityTest : public ::testing::TestWithParam<Fixture> {
 protected:
  void SetUp() override {
    auto file =
        ReadSafetensors(TestdataPath(std::string(GetParam().name) + "/expected.safetensors"));
    ASSERT_TRUE(file.ok()) << file.status();
    tensors_ = std::move(file->tensors);
  }

  TensorMap tensors_;
};

// Breaks where models would be trained at other mask rates than the reference's.
TEST_P(TrainingParityTest, SpanCountsEqualTheReference) {
  const std::string prefix = "train.mean_mask_rate_to_u.";
  int num_tables = 0;
  for (const auto& [name, counts] : tensors_) {
    if (name.rfind(prefix, 0) != 0) continue;
    const SpanCountTable table(std::stoi(name.substr(prefix.size())), GetParam().span_len);
    ASSERT_EQ(counts.numel(), 101);
    for (int percent = 0; percent <= 100; ++percent) {
      EXPECT_EQ(table.Count(percent), counts[percent].item<int64_t>()) << name << " " << percent;
    }
    ++num_tables;
  }
  EXPECT_EQ(num_tables, 3);
}

// Breaks where other frames are masked for the same starts.
TEST_P(TrainingParityTest, MaskFromStartsEqualsTheReference) {
  const torch::Tensor mask = MaskFromStarts(tensors_.at("train.span_starts"), GetParam().span_len);
  EXPECT_TRUE(torch::equal(mask, tensors_.at("train.span_mask")));
}

// Breaks where padding, or frames that are not masked, count in the loss.
TEST_P(TrainingParityTest, LossOfEveryStageEqualsTheReference) {
  const torch::Tensor logits = tensors_.at("train.logits");  // [B, K, T, card]
  for (int64_t stage = 0; stage < logits.size(1); ++stage) {
    const torch::Tensor mask =
        tensors_.at("train.span_mask").logical_and(tensors_.at("train.pad_mask").select(1, stage));
    const torch::Tensor loss = MeanCrossEntropy(
        logits.select(1, stage), tensors_.at("train.targets").select(1, stage), mask);
    const float expected =
        tensors_.at("train.stage" + std::to_string(stage) + ".loss").item<float>();
    EXPECT_NEAR(loss.item<float>(), expected, 1e-5 * expected) << "stage " << stage;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, TrainingParityTest,
                         ::testing::Values(Fixture{"magnet-tiny", 3},
                                           Fixture{"magnet-tiny-biased", 2}),
                         [](const auto& info) {
                           return info.param.span_len == 3 ? "unbiased" : "biased";
                         });

// Breaks where a wanted number of spans is not what is started.
TEST(SpanMasksTest, DrawsTheWantedNumberOfDistinctStarts) {
  const SpanCountTable table(500, 3);
  for (const double rate : {0.0, 0.004, 0.37, 0.99, 1.0}) {
    DrawStream draws(5, DrawPurpose::kMask, 1, 2);
    const int64_t wanted = std::max<int64_t>(table.Count(static_cast<int>(100 * rate + 0.5)), 1);
    EXPECT_EQ(DrawStarts(table, rate, draws).sum().item<int64_t>(), wanted) << rate;
  }
}

// Breaks where the share of masked frames is not what training asks for.
TEST(SpanMasksTest, MeanMaskRateIsTheWantedOne) {
  const SpanCountTable table(500, 3);
  for (const double rate : {0.1, 0.5, 0.9}) {
    double sum = 0;
    for (uint32_t item = 0; item < 200; ++item) {
      DrawStream draws(9, DrawPurpose::kMask, 0, item);
      sum += MaskFromStarts(DrawStarts(table, rate, draws).unsqueeze(0), 3)
                 .to(torch::kFloat)
                 .mean()
                 .item<double>();
    }
    EXPECT_NEAR(sum / 200, rate, 0.01);
  }
}

// Breaks where a run that goes on would draw other numbers.
TEST(DrawStreamTest, DrawsDependOnPlaceAlone) {
  DrawStream first(7, DrawPurpose::kCrop, 10, 3), same(7, DrawPurpose::kCrop, 10, 3);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(first.Bits(), same.Bits());
  std::set<uint64_t> bits;
  for (const uint64_t seed : {7, 8}) {
    for (const auto purpose : {DrawPurpose::kCrop, DrawPurpose::kMask}) {
      for (const uint64_t step : {uint64_t{10}, uint64_t{11}, uint64_t{10} + (uint64_t{1} << 32)}) {
        for (const uint32_t item : {3u, 4u})
          bits.insert(DrawStream(seed, purpose, step, item).Bits());
      }
    }
  }
  EXPECT_EQ(bits.size(), 2u * 2 * 3 * 2) << "two places share their numbers";
}

// Breaks where an epoch would leave clips out.
TEST(DrawStreamTest, PermutationHoldsEveryNumberOnce) {
  DrawStream draws(1, DrawPurpose::kShuffle, 0, 0);
  const std::vector<int64_t> order = draws.Permutation(1000);
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 1000u);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace magnet
