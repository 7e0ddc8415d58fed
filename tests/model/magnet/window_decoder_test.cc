// If these fail, given audio changes, a mask id reaches the codec, or a clip
// runs another number of passes than was asked for.
#include "model/magnet/window_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace magnet {
namespace {

LmConfig SmallLm() {
  LmConfig config;
  config.num_codebooks = 2;
  config.card = 8;
  config.span_len = 3;
  return config;
}

SamplingSpec Steps(std::vector<int> steps, SpanArrangement arrangement) {
  SamplingSpec sampling;
  sampling.decoding_steps = std::move(steps);
  sampling.span_arrangement = arrangement;
  return sampling;
}

WindowCodes NothingGiven(int num_frames) {
  return {num_frames, std::vector<int64_t>(size_t{2} * num_frames, 0),
          std::vector<bool>(num_frames)};
}

// Answers every step with token 5 and probabilities that differ by frame.
int RunToTheEnd(WindowDecoder& decoder) {
  int steps = 0;
  while (!decoder.done()) {
    const DecodingStep step = decoder.NextStep();
    std::vector<SampledToken> tokens;
    for (const int frame : step.frames) tokens.push_back({5, 0.01f * (1 + frame % 89)});
    decoder.FinishStep(tokens);
    ++steps;
  }
  return steps;
}

class EveryArrangement : public ::testing::TestWithParam<SpanArrangement> {};
INSTANTIATE_TEST_SUITE_P(WindowDecoder, EveryArrangement,
                         ::testing::Values(SpanArrangement::kNonoverlap,
                                           SpanArrangement::kStride1));

TEST_P(EveryArrangement, LeavesNoMaskIdAndRunsEveryStep) {
  for (const int num_frames : {3, 6, 99}) {
    WindowDecoder decoder(SmallLm(), Steps({7, 3}, GetParam()), NothingGiven(num_frames));
    EXPECT_EQ(RunToTheEnd(decoder), 10);
    EXPECT_EQ(decoder.codes(), std::vector<int64_t>(size_t{2} * num_frames, 5));
  }
}

TEST_P(EveryArrangement, TheFirstStepSamplesEveryFrameAndLaterStepsFewer) {
  WindowDecoder decoder(SmallLm(), Steps({5, 5}, GetParam()), NothingGiven(60));
  size_t before = decoder.NextStep().frames.size();
  EXPECT_EQ(before, 60u);
  for (int i = 0; i < 4; ++i) {
    std::vector<SampledToken> tokens;
    for (const int frame : decoder.NextStep().frames) tokens.push_back({1, 0.5f + 0.001f * frame});
    decoder.FinishStep(tokens);
    EXPECT_LT(decoder.NextStep().frames.size(), before);
    before = decoder.NextStep().frames.size();
  }
}

TEST_P(EveryArrangement, KeptFramesNeverChange) {
  const int num_frames = 60;
  WindowCodes given = NothingGiven(num_frames);
  for (int t = 0; t < num_frames; ++t) {
    given.kept[t] = t < 10 || (t >= 25 && t < 40);
    given.codes[t] = 2;
    given.codes[num_frames + t] = 3;
  }
  const WindowCodes kept = given;
  WindowDecoder decoder(SmallLm(), Steps({6, 4}, GetParam()), given);
  while (!decoder.done()) {
    const DecodingStep step = decoder.NextStep();
    for (int t = 0; t < num_frames; ++t) {
      if (kept.kept[t]) {
        ASSERT_EQ(decoder.codes()[t], 2) << "frame " << t;
        ASSERT_EQ(decoder.codes()[num_frames + t], 3) << "frame " << t;
      }
    }
    std::vector<SampledToken> tokens;
    for (const int frame : step.frames) tokens.push_back({5, 0.01f * (1 + frame % 7)});
    decoder.FinishStep(tokens);
  }
  for (int t = 0; t < num_frames; ++t) EXPECT_EQ(decoder.codes()[t], kept.kept[t] ? 2 : 5);
}

TEST(WindowDecoder, FinishesWithTheBlocksThatWereLeastProbable) {
  WindowDecoder decoder(SmallLm(), Steps({2, 1}, SpanArrangement::kNonoverlap), NothingGiven(12));
  std::vector<SampledToken> tokens(12, {1, 0.9f});
  for (int t = 6; t < 9; ++t) tokens[t].probability = 0.1f;
  ASSERT_EQ(decoder.NextStep().frames.size(), 12u);
  decoder.FinishStep(tokens);
  EXPECT_EQ(decoder.NextStep().frames, (std::vector<int>{6, 7, 8}));
}

// One probable token saves a block under the max score and not under the product.
TEST(WindowDecoder, SpanScoresDiffer) {
  std::vector<SampledToken> tokens(6, {1, 0.5f});
  tokens[0].probability = 0.9f;
  tokens[1].probability = tokens[2].probability = 0.01f;
  for (const bool by_max : {true, false}) {
    SamplingSpec sampling = Steps({2, 1}, SpanArrangement::kNonoverlap);
    sampling.span_score = by_max ? SpanScore::kMax : SpanScore::kProd;
    WindowDecoder decoder(SmallLm(), sampling, NothingGiven(6));
    decoder.NextStep();
    decoder.FinishStep(tokens);
    EXPECT_EQ(decoder.NextStep().frames.front(), by_max ? 3 : 0);
  }
}

// Breaks where sure spans come first all the same, a span is never final, or one seed gives two
// orders.
TEST(WindowDecoder, SpansBecomeFinalInTheSeedsOrder) {
  constexpr int kSpans = 20;
  for (const auto arrangement : {SpanArrangement::kNonoverlap, SpanArrangement::kStride1}) {
    SamplingSpec sampling = Steps({kSpans, 1}, arrangement);
    sampling.span_score = SpanScore::kRandom;
    // The frames that each step samples, where all tokens are equally likely.
    const auto order = [&](uint64_t seed) {
      std::vector<std::vector<int>> frames;
      WindowDecoder decoder(SmallLm(), sampling, NothingGiven(3 * kSpans), {seed, 0});
      while (decoder.stage() == 0) {
        frames.push_back(decoder.NextStep().frames);
        decoder.FinishStep(std::vector<SampledToken>(frames.back().size(), {1, 0.5f}));
      }
      for (int t = 0; t < 3 * kSpans; ++t) EXPECT_EQ(decoder.codes()[t], 1) << "frame " << t;
      return frames;
    };
    const auto first = order(1);
    EXPECT_EQ(first, order(1));
    EXPECT_NE(first, order(2));
    EXPECT_LT(first.back().size(), 3u * kSpans / 2) << "nothing became final on the way";
  }
}

TEST(WindowDecoder, NextStepIsTheSameUntilItIsFinished) {
  WindowDecoder decoder(SmallLm(), Steps({4, 4}, SpanArrangement::kNonoverlap), NothingGiven(30));
  const auto codes = decoder.codes();
  const auto frames = decoder.NextStep().frames;
  EXPECT_EQ(decoder.NextStep().frames, frames) << "a retried step would mask something else";
  EXPECT_EQ(decoder.codes(), codes);
}

TEST(WindowDecoder, LaterCodebooksAreMaskedWhileAStageRuns) {
  WindowDecoder decoder(SmallLm(), Steps({2, 2}, SpanArrangement::kNonoverlap), NothingGiven(9));
  decoder.NextStep();
  for (int t = 0; t < 9; ++t) EXPECT_EQ(decoder.codes()[9 + t], 8);
}

}  // namespace
}  // namespace magnet
