// The sampling kernel against RowSampler, draw by draw. If one of these fails, a seed
// means other music on a GPU than on a CPU.
#include <limits>
#include <string>
#include <vector>

#include "tests/model/cuda/step_kernels_fixture.h"

namespace magnet {
namespace {

class SamplingKernel : public StepKernelsTest {
 protected:
  // Draws for `rows` frames from the same logits with both tables.
  void ExpectSameTokens(const RowSampling& sampling, const std::vector<float>& logit_values,
                        int card, const std::string& what) {
    const int rows = static_cast<int>(logit_values.size()) / card / 2;
    std::vector<Draw> draw_list;
    for (int i = 0; i < rows; ++i) {
      const bool guided = i % 3 != 0;
      draw_list.push_back({i, guided ? rows + i : -1, i % 2, static_cast<uint32_t>(7 * i)});
    }
    DrawSettings first = {sampling, {1, 2, 3, 0}}, second = {sampling, {0, 1, 9, 0}};
    second.sampling.seed ^= 0xdeadbeef12345678u;
    Array<float> logits;
    Array<Draw> draws;
    Array<DrawSettings> settings;
    Array<SampledToken> tokens;
    Share(logit_values, logits);
    Share(draw_list, draws);
    Share(std::vector<DrawSettings>{first, second}, settings);
    Share(std::vector<SampledToken>(draw_list.size()), tokens);
    cpu_.Sample({logits.host, draws.host, settings.host, tokens.host, nullptr, rows, card});
    device().Sample(
        {logits.device, draws.device, settings.device, tokens.device, nullptr, rows, card});
    const std::vector<SampledToken> found = Read(tokens.device, tokens.values.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const SampledToken& wanted = tokens.values[i];
      EXPECT_EQ(found[i].token, wanted.token) << what << ", row " << i;
      EXPECT_NEAR(found[i].probability, wanted.probability, 1e-5f * wanted.probability)
          << what << ", row " << i;
    }
  }

  // Two clips' spans of three frames, in rounds, after tables of two codebooks.
  void ExpectSameSpans(const RowSampling& sampling, int card) {
    constexpr int kSpans = 4, kRows = 3 * kSpans, kRounds = 3;
    std::vector<Draw> draw_list;
    for (int i = 0; i < kRows; ++i) {
      const int place = i % 3;
      draw_list.push_back({.cond_row = i,
                           .settings = i / 3 % 2,
                           .frame = static_cast<uint32_t>(i),
                           .before = place == 0 ? -1 : i - 1,
                           .round = place});
    }
    Array<float> logits, neighbours;
    Array<Draw> draws;
    Array<DrawSettings> settings;
    Array<SampledToken> tokens;
    Share(Random(static_cast<size_t>(kRows * card), 2.0f), logits);
    Share(Random(static_cast<size_t>(2 * card * card), 2.0f), neighbours);
    Share(draw_list, draws);
    Share(std::vector<DrawSettings>{{sampling, {0, 0, 3, 0}}, {sampling, {0, 1, 3, 0}}}, settings);
    Share(std::vector<SampledToken>(kRows), tokens);
    for (int round = 0; round < kRounds; ++round) {
      cpu_.Sample({logits.host, draws.host, settings.host, tokens.host, neighbours.host, kRows,
                   card, round});
      device().Sample({logits.device, draws.device, settings.device, tokens.device,
                       neighbours.device, kRows, card, round});
    }
    const std::vector<SampledToken> found = Read(tokens.device, tokens.values.size());
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].token, tokens.values[i].token) << "card " << card << ", row " << i;
    }
  }

  int rows() const { return KernelsAreEmulated() ? 12 : 300; }
};

TEST_F(SamplingKernel, DrawsTheSameTokensInEveryWay) {
  for (const int card : {5, 64, 300, 2048}) {
    const std::vector<float> logits = Random(static_cast<size_t>(2 * rows() * card), 2.0f);
    const auto expect = [&](const std::string& name, RowSampling sampling) {
      sampling.guidance = 3.5;
      sampling.temperature = 1.7;
      sampling.seed = 42;
      ExpectSameTokens(sampling, logits, card, name + ", card " + std::to_string(card));
    };
    expect("greedy", {.greedy = true});
    expect("top-p", {.top_p = 0.9});
    expect("small top-p", {.top_p = 0.05});
    expect("top-k", {.top_k = 3});
    expect("whole", {});
  }
}

TEST_F(SamplingKernel, DrawsTheSameTokensAfterTheOneBefore) {
  for (const int card : {5, 300}) {
    ExpectSameSpans({.top_p = 0.9, .seed = 42, .neighbour_weight = 0.7}, card);
  }
}

// Two of 4096 tokens: a thousand tries miss them in both rows.
TEST_F(SamplingKernel, DrawsTheSameTokensOfANucleusThatIsHardToHit) {
  constexpr int kCard = 4096, kRows = 2;
  const std::vector<float> logits(static_cast<size_t>(2 * kRows * kCard), 0.0f);
  ExpectSameTokens({.top_p = 1.5 / kCard, .seed = 42}, logits, kCard, "hard to hit");
}

TEST_F(SamplingKernel, TakesTheFirstOfEqualLogits) {
  constexpr int kCard = 300;
  std::vector<float> logits(static_cast<size_t>(2 * rows() * kCard), 0.0f);
  for (size_t i = 0; i < logits.size(); i += 37) logits[i] = 1.0f;
  ExpectSameTokens({.greedy = true}, logits, kCard, "equal logits");
}

TEST_F(SamplingKernel, NamesRowsThatAreNotFinite) {
  constexpr int kCard = 64;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits = Random(static_cast<size_t>(2 * rows() * kCard));
    logits[2 * kCard + 5] = bad;
    ExpectSameTokens({.top_p = 0.9}, logits, kCard, "not finite");
  }
}

}  // namespace
}  // namespace magnet
