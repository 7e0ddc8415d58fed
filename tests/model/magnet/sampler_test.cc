// If these fail, tokens are drawn from another distribution than was asked for.
#include "model/magnet/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace magnet {
namespace {

const std::vector<float> kLogits = {0.0f, 1.0f, 2.0f, 0.5f, -3.0f};

std::vector<double> Frequencies(RowSampling sampling, const std::vector<float>& logits, int draws) {
  RowSampler sampler(sampling, static_cast<int>(logits.size()));
  std::vector<double> counts(logits.size());
  for (int i = 0; i < draws; ++i) {
    counts[sampler.Sample(logits, {}, {0, 0, 0, static_cast<uint32_t>(i)})->token] += 1.0 / draws;
  }
  return counts;
}

void ExpectSameDistribution(const RowSampling& sampling) {
  constexpr int kDraws = 40000;
  RowSampler sampler(sampling, static_cast<int>(kLogits.size()));
  const auto wanted = sampler.Distribution(kLogits, {});
  const auto found = Frequencies(sampling, kLogits, kDraws);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double deviation = std::sqrt(wanted[i] * (1 - wanted[i]) / kDraws);
    EXPECT_NEAR(found[i], wanted[i], 5 * deviation) << "token " << i;
  }
}

TEST(RowSampler, DrawsFromTheWholeDistribution) { ExpectSameDistribution({.seed = 5}); }
TEST(RowSampler, DrawsFromTheNucleus) { ExpectSameDistribution({.top_p = 0.7, .seed = 5}); }
TEST(RowSampler, DrawsFromTheTopK) { ExpectSameDistribution({.top_k = 2, .seed = 5}); }
TEST(RowSampler, DrawsHot) { ExpectSameDistribution({.temperature = 3, .top_p = 0.9, .seed = 1}); }

TEST(RowSampler, TopPKeepsTokensWhoseMassBeforeIsAtMostP) {
  // Probabilities .5 .3 .2: before the third lies .8.
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  const auto kept = RowSampler({.top_p = 0.79}, 3).Distribution(logits, {});
  EXPECT_NEAR(kept[0], 0.625, 1e-6);
  EXPECT_NEAR(kept[1], 0.375, 1e-6);
  EXPECT_EQ(kept[2], 0.0f);
  EXPECT_GT(RowSampler({.top_p = 0.81}, 3).Distribution(logits, {})[2], 0.0f);
}

TEST(RowSampler, ATinyTopPStillGivesTheMostProbable) {
  RowSampler sampler({.top_p = 1e-9}, static_cast<int>(kLogits.size()));
  EXPECT_EQ(sampler.Sample(kLogits, {}, {})->token, 2);
}

// Three of 2048 equal tokens are in the nucleus, which a thousand tries often miss.
TEST(RowSampler, DrawsFromANucleusThatIsHardToHit) {
  constexpr int kDraws = 400;
  const std::vector<float> logits(2048, 0.0f);
  const auto found = Frequencies({.top_p = 0.001, .seed = 5}, logits, kDraws);
  const double deviation = std::sqrt(1.0 / 3 * 2 / 3 / kDraws);
  for (int token = 0; token < 3; ++token) EXPECT_NEAR(found[token], 1.0 / 3, 5 * deviation);
}

TEST(RowSampler, GreedyTakesTheFirstOfEqualsAndReportsItsProbability) {
  const std::vector<float> logits = {1.0f, 3.0f, 3.0f, 0.0f};
  const auto sample = RowSampler({.greedy = true}, 4).Sample(logits, {}, {});
  EXPECT_EQ(sample->token, 1);
  const float total = std::exp(-2.f) + 1 + 1 + std::exp(-3.f);
  EXPECT_NEAR(sample->probability, 1 / total, 1e-6);
}

TEST(RowSampler, GuidanceExtrapolatesFromTheNullBranch) {
  const std::vector<float> cond = {1.0f, 0.0f}, uncond = {0.0f, 0.5f};
  const auto kept = RowSampler({.guidance = 3}, 2).Distribution(cond, uncond);
  // Guided logits: 0 + 3 * 1 and 0.5 + 3 * -0.5.
  EXPECT_NEAR(kept[0], 1 / (1 + std::exp(-4.0)), 1e-6);
}

// Breaks where the frame before counts otherwise than asked: before the guidance, or without it.
TEST(RowSampler, TheTokenBeforeAddsToTheGuidedLogits) {
  const std::vector<float> cond = {1.0f, 0.0f}, uncond = {0.0f, 0.5f}, after = {-3.0f, 1.0f};
  RowSampler sampler({.guidance = 3, .temperature = 2, .neighbour_weight = 0.5}, 2);
  // Guided logits: 3 and -1; with their neighbours 1.5 and -0.5.
  EXPECT_NEAR(sampler.Distribution(cond, uncond, after)[0], 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(sampler.Distribution(cond, uncond)[0], 1 / (1 + std::exp(-2.0)), 1e-6);
}

TEST(RowSampler, RefusesLogitsThatAreNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> logits = {0.0f, bad, 1.0f};
    EXPECT_FALSE(RowSampler({.greedy = true}, 3).Sample(logits, {}, {}).has_value());
  }
}

TEST(RowSampler, ADrawDependsOnlyOnSeedAndPosition) {
  RowSampler one({.seed = 9}, static_cast<int>(kLogits.size()));
  RowSampler other({.seed = 9}, static_cast<int>(kLogits.size()));
  for (uint32_t t = 0; t < 50; ++t) other.Sample(kLogits, {}, {1, 2, 3, t});
  for (uint32_t t = 0; t < 50; ++t) {
    EXPECT_EQ(one.Sample(kLogits, {}, {0, 1, 2, t})->token,
              other.Sample(kLogits, {}, {0, 1, 2, t})->token);
  }
}

}  // namespace
}  // namespace magnet
