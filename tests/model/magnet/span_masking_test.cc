// If these fail, a step masks other frames than the reference would.
#include "model/magnet/span_masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace magnet {
namespace {

using ::testing::ElementsAre;

int Count(const std::vector<bool>& mask) {
  return static_cast<int>(std::count(mask.begin(), mask.end(), true));
}

TEST(MaskedCount, TruncatesInFloat32AndIsAtLeastOne) {
  EXPECT_EQ(MaskedCount(1.0f, 166), 166);
  EXPECT_EQ(MaskedCount(0.999f, 166), 165);
  EXPECT_EQ(MaskedCount(-4e-8f, 166), 1);
  EXPECT_EQ(MaskedCount(0.0f, 0), 1);
}

TEST(MaskWorstBlocks, TakesTheHighestScores) {
  EXPECT_THAT(MaskWorstBlocks({0.1f, 0.9f, kNeverMask, 0.5f}, 2),
              ElementsAre(false, true, false, true));
}

TEST(MaskWorstBlocks, TakesTheEarlierOfEqualScores) {
  EXPECT_THAT(MaskWorstBlocks({0.f, 0.f, 0.f}, 2), ElementsAre(true, true, false));
}

TEST(MaskWorstSpans, CoversOneSpanWhereOneIsAsked) {
  EXPECT_THAT(MaskWorstSpans({0, 0, 0, 9, 0, 0}, 1, 3),
              ElementsAre(false, true, true, true, false, false));
}

TEST(MaskWorstSpans, KeepsSettledFramesWhileOthersAreLeft) {
  std::vector<float> scores(30, kNeverMask);
  for (int t = 12; t < 18; ++t) scores[t] = 1.0f;
  const auto mask = MaskWorstSpans(scores, 6, 3);
  for (int t = 0; t < 30; ++t) EXPECT_TRUE(!mask[t] || (t >= 12 && t < 18)) << t;
}

// The bisection's promise: no more than one span beyond the target, whatever
// the scores.
TEST(MaskWorstSpans, ComesCloseToTheTarget) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> score(0, 5);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<float> scores(120);
    for (float& s : scores) s = score(random);
    const int target = 3 + trial % 110;
    const auto mask = MaskWorstSpans(scores, target, 3);
    EXPECT_NEAR(Count(mask), target, 6) << "target " << target;
    EXPECT_GE(Count(mask), 3);
  }
}

}  // namespace
}  // namespace magnet
