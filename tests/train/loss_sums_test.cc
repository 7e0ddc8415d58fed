#include "train/loss_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace magnet {
namespace {

using ::testing::DoubleEq;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Breaks where the curves of a run show a mean over other entries than were trained on, or a
// loss that no step had.
TEST(LossSumsTest, MeansAreOverTheEntriesOfEachKind) {
  LossSums sums(/*num_stages=*/3);
  sums.Count(0, 4);
  sums.Count(0, 4);
  sums.Count(2, 2);
  sums.Count(sums.texts(), 10);
  sums.Add(0, torch::tensor(8.f));
  sums.Add(0, torch::tensor(4.f));
  sums.Add(2, torch::tensor(3.f));
  sums.Add(sums.texts(), torch::tensor(5.f));
  EXPECT_THAT(sums.Means(), UnorderedElementsAre(Pair("loss_stage0", DoubleEq(1.5)),
                                                 Pair("loss_stage2", DoubleEq(1.5)),
                                                 Pair("loss_text", DoubleEq(0.5))));
  EXPECT_EQ(sums.DivisorOfCodes(), 10);
  EXPECT_EQ(sums.MeanOfCodes(), 1.5);
}

// Breaks where a step without entries of a kind divides by nothing: its weights would be NaN.
TEST(LossSumsTest, NothingIsDividedByZero) {
  const LossSums sums(/*num_stages=*/1);
  EXPECT_EQ(sums.Divisor(sums.beats()), 1);
  EXPECT_EQ(sums.MeanOfCodes(), 0);
  EXPECT_TRUE(sums.Means().empty());
}

// Breaks where what other processes add does not reach the means.
TEST(LossSumsTest, ProcessesExchangeViews) {
  LossSums sums(/*num_stages=*/1);
  sums.entries()[0] += 4;
  sums.losses()[0] += 2;
  EXPECT_EQ(sums.MeanOfCodes(), 0.5);
}

}  // namespace
}  // namespace magnet
