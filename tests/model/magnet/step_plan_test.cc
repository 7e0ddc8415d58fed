// Which rows a packed step has, and who they belong to. If one of these fails, a
// clip is given another clip's tokens, or other music in company than alone.
#include "model/magnet/step_plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <set>

namespace magnet {
namespace {

constexpr int kTile = 8, kCodebooks = 3, kMaskId = 9;

LmConfig Config() {
  LmConfig config;
  config.num_codebooks = kCodebooks;
  config.card = kMaskId;
  config.window_frames = 100;
  config.subcodes_context = 5;
  return config;
}

// A clip's data, which its request points to.
struct Clip {
  Clip(int frames, int first_code) : num_frames(frames), codes(size_t{kCodebooks} * frames) {
    std::iota(codes.begin(), codes.end(), first_code);
  }

  StepRequest Request(int stage, bool guided, int num_keys, int negative_keys = 0) const {
    StepRequest request;
    request.codes = codes;
    request.num_frames = num_frames;
    request.stage = stage;
    request.frames = wanted;
    request.guided = guided;
    request.condition.num_keys = num_keys;
    request.negative.num_keys = negative_keys;
    request.draw.sampling.seed = static_cast<uint64_t>(num_frames);
    return request;
  }

  int num_frames;
  std::vector<int64_t> codes;
  std::vector<int> wanted = {0, 2, 3};
};

// A plan with its tables, as a device would see them.
struct Planned {
  explicit Planned(const std::vector<StepRequest>& requests)
      : plan(requests, Config(), kTile), bytes(plan.Bytes()), tables(plan.TablesAt(bytes.data())) {}

  StepPlan plan;
  std::vector<std::byte> bytes;
  StepTables tables;
};

class MixedStep : public ::testing::Test {
 protected:
  const Clip a_{10, 1000}, b_{13, 2000}, c_{6, 3000};
  // Guided with a text; without any; guided with two texts, in the same stage as the
  // first.
  const Planned step_{{a_.Request(1, true, 4), b_.Request(0, false, 0), c_.Request(1, true, 2, 7)}};
};

TEST_F(MixedStep, SequencesWithATextComeFirstInWholeTiles) {
  const StepShape& shape = step_.plan.shape();
  EXPECT_EQ(shape.text_rows, 24) << "10 + 6 + 6 rows in eights";
  EXPECT_EQ(shape.null_rows, 24) << "10 + 13";
  EXPECT_EQ(shape.text_sequences, 4);
  EXPECT_EQ(shape.null_sequences, 4);
  EXPECT_GE(shape.max_frames, 13);
  const AttentionSpan* const spans = step_.tables.spans;
  const int rows[] = {10, 6, 6, 0, 10, 13, 0, 0};
  const int firsts[] = {0, 10, 16, 0, 24, 34, 0, 0};
  for (int i = 0; i < shape.sequences(); ++i) {
    EXPECT_EQ(spans[i].num_rows, rows[i]) << "sequence " << i;
    EXPECT_EQ(spans[i].first_row, firsts[i]) << "sequence " << i;
  }
  EXPECT_EQ(step_.tables.texts[0].num_keys, 4);
  EXPECT_EQ(step_.tables.texts[1].num_keys, 2);
  EXPECT_EQ(step_.tables.texts[2].num_keys, 7) << "the negative text";
}

TEST_F(MixedStep, EachSequenceSeesItsOwnStagesBand) {
  const AttentionSpan* const spans = step_.tables.spans;
  for (const int windowed : {0, 1, 2, 4}) {
    EXPECT_EQ(spans[windowed].back, 5) << windowed;
    EXPECT_EQ(spans[windowed].ahead, 5) << windowed;
  }
  EXPECT_GE(spans[5].back, 12) << "stage 0 sees everything";
  EXPECT_GE(spans[5].ahead, 12);
}

TEST_F(MixedStep, RowsHoldTheCodesOfTheirFrame) {
  const auto code = [&](int row, int k) { return step_.tables.ids[row * kCodebooks + k]; };
  for (int t = 0; t < 10; ++t) {
    for (int k = 0; k < kCodebooks; ++k) {
      EXPECT_EQ(code(t, k), 1000 + k * 10 + t);
      EXPECT_EQ(code(24 + t, k), 1000 + k * 10 + t) << "the unconditional branch";
    }
    EXPECT_EQ(step_.tables.frames[t], t);
  }
  EXPECT_EQ(code(34 + 12, 2), 2000 + 2 * 13 + 12);
  for (const int filling : {22, 23, 47}) EXPECT_EQ(step_.tables.frames[filling], -1) << filling;
}

TEST(StepPlanTest, AModelWithBeatsHasAColumnOfTicks) {
  LmConfig config = Config();
  config.beats = BeatConfig{};
  const Clip told(4, 1000), untold(3, 2000);
  const std::vector<int64_t> ticks = {7, 8, 9, 10};
  std::vector<StepRequest> requests = {told.Request(0, true, 2), untold.Request(0, false, 2)};
  requests[0].ticks = ticks;
  const StepPlan plan(requests, config, kTile);
  const std::vector<std::byte> bytes = plan.Bytes();
  const int32_t* const ids = plan.TablesAt(bytes.data()).ids;
  const auto id = [&](int row, int input) { return ids[row * (kCodebooks + 1) + input]; };
  for (int t = 0; t < 4; ++t) {
    EXPECT_EQ(id(t, kCodebooks), 7 + t);
    EXPECT_EQ(id(t, 1), 1000 + 4 + t);
    EXPECT_EQ(id(8 + t, kCodebooks), 7 + t) << "the unconditional branch keeps the beat";
  }
  EXPECT_EQ(id(4, kCodebooks), config.beats->no_tick_id());
}

TEST_F(MixedStep, LogitsAreGroupedByStageAndDrawsPointAtThem) {
  const std::vector<StageRows>& heads = step_.plan.heads();
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].stage, 0);
  EXPECT_EQ(heads[0].num_rows, 8) << "3 rows";
  EXPECT_EQ(heads[1].stage, 1);
  EXPECT_EQ(heads[1].first, 8);
  EXPECT_EQ(heads[1].num_rows, 16) << "2 clips of 2 branches of 3 rows";
  ASSERT_EQ(step_.plan.num_draws(), 9);
  const auto row_of = [&](int logits_row) { return step_.tables.wanted[logits_row]; };
  for (int j = 0; j < 3; ++j) {
    const int frame = a_.wanted[static_cast<size_t>(j)];
    const Draw &a = step_.tables.draws[j], &b = step_.tables.draws[3 + j],
               &c = step_.tables.draws[6 + j];
    EXPECT_EQ(row_of(a.cond_row), frame);
    EXPECT_EQ(row_of(a.uncond_row), 24 + frame);
    EXPECT_EQ(row_of(b.cond_row), 34 + frame);
    EXPECT_EQ(b.uncond_row, -1);
    EXPECT_EQ(row_of(c.cond_row), 10 + frame);
    EXPECT_EQ(row_of(c.uncond_row), 16 + frame);
    EXPECT_EQ(c.frame, static_cast<uint32_t>(frame));
    EXPECT_EQ(step_.tables.settings[c.settings].sampling.seed, 6u);
  }
}

TEST_F(MixedStep, TokensGoBackToTheirClips) {
  std::vector<SampledToken> tokens(9);
  for (int i = 0; i < 9; ++i) tokens[static_cast<size_t>(i)].token = i;
  const auto divided = step_.plan.Divide(tokens);
  ASSERT_EQ(divided.size(), 3u);
  for (int clip = 0; clip < 3; ++clip) {
    ASSERT_EQ(divided[static_cast<size_t>(clip)].size(), 3u);
    for (int j = 0; j < 3; ++j) {
      EXPECT_EQ(divided[static_cast<size_t>(clip)][static_cast<size_t>(j)].token, 3 * clip + j);
    }
  }
}

// Breaks where a token is drawn before the one that it depends on, or depends on another span's
// or clip's.
TEST(StepPlan, FramesOfASpanAreDrawnInRounds) {
  LmConfig config = Config();
  config.span_len = 3;
  config.neighbour_tables = 1;
  Clip a{10, 0}, b{10, 0}, c{10, 0};
  a.wanted = {1, 2, 3, 4, 5, 8};
  std::vector<StepRequest> requests = {c.Request(0, false, 0), a.Request(0, false, 0),
                                       b.Request(1, false, 0)};
  requests[1].draw.sampling.neighbour_weight = requests[2].draw.sampling.neighbour_weight = 1;
  const StepPlan plan(requests, config, kTile);
  EXPECT_EQ(plan.num_rounds(), 3);
  const std::vector<std::byte> bytes = plan.Bytes();
  const Draw* const draws = plan.TablesAt(bytes.data()).draws;
  const std::vector<int> before = {-1, -1, -1, -1, 3, -1, 5, 6, -1, -1, -1, -1};
  const std::vector<int> rounds = {0, 0, 0, 0, 1, 0, 1, 2, 0, 0, 0, 0};
  ASSERT_EQ(plan.num_draws(), std::ssize(before));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(draws[i].before, before[i]) << "draw " << i;
    EXPECT_EQ(draws[i].round, rounds[i]) << "draw " << i;
  }
}

// What a GPU has recorded for a shape reads the tables of the layers where they were
// then.
TEST(StepPlan, TablesOfEqualShapesLieAtEqualPlaces) {
  const Clip a{10, 0}, b{11, 0};
  const Planned first({a.Request(0, true, 4)}), second({b.Request(2, true, 30)});
  ASSERT_EQ(first.plan.shape(), second.plan.shape());
  const auto offset = [](const Planned& p, const void* table) {
    return static_cast<const std::byte*>(table) - p.bytes.data();
  };
  EXPECT_EQ(offset(first, first.tables.ids), offset(second, second.tables.ids));
  EXPECT_EQ(offset(first, first.tables.frames), offset(second, second.tables.frames));
  EXPECT_EQ(offset(first, first.tables.spans), offset(second, second.tables.spans));
  EXPECT_EQ(offset(first, first.tables.texts), offset(second, second.tables.texts));
}

TEST(StepPlan, WithoutTextsThereAreNoTextRows) {
  const Clip clip{10, 0};
  const Planned step({clip.Request(0, false, 0)});
  EXPECT_EQ(step.plan.shape().text_rows, 0);
  EXPECT_EQ(step.plan.shape().text_sequences, 0);
  EXPECT_EQ(step.plan.shape().null_rows, 16);
}

TEST(StepPlan, CausalStagesSeeNothingAhead) {
  LmConfig config = Config();
  config.subcodes_attention = SubcodesAttention::kCausal;
  const Clip clip{10, 0};
  const std::vector<StepRequest> requests = {clip.Request(1, false, 0)};
  const StepPlan plan(requests, config, kTile);
  const std::vector<std::byte> bytes = plan.Bytes();
  const AttentionSpan& span = plan.TablesAt(bytes.data()).spans[0];
  EXPECT_GE(span.back, 9);
  EXPECT_EQ(span.ahead, 0);
}

}  // namespace
}  // namespace magnet
