#include "train/lm_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/train/lm_run.h"
#include "train/annotations.h"

namespace magnet {
namespace {

constexpr int kWindow = 30;  // six frames more than a clip of the data has

class LmBatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteTinyData(TestFolder("batches"), 7);
    SetUpClips();
  }

  void SetUpClips() {
    LmTrainingConfig config = TinyLmConfig(TestFolder("batches"));
    config.lm.window_frames = kWindow;
    auto clips = CodeSet::Open(config.codes);
    ASSERT_TRUE(clips.ok()) << clips.status();
    clips_ = std::make_unique<CodeSet>(*std::move(clips));
    auto parts = MakeLmParts(config, *clips_);
    ASSERT_TRUE(parts.ok()) << parts.status();
    parts_ = std::make_unique<LmParts>(*std::move(parts));
  }

  LmBatchMaker Maker(LmBatchOptions options = {}) const {
    return LmBatchMaker(*clips_, parts_->tokenizer, parts_->config.lm, std::move(options));
  }

  static LmBatch Batch(LmBatchMaker maker, int64_t step, int size, int64_t first_item = 0) {
    auto batch = maker.Training(
        {.step = step, .first_item = first_item, .pass = 0, .items_per_step = 4}, size);
    EXPECT_TRUE(batch.ok()) << batch.status();
    return *std::move(batch);
  }

  int64_t ClipAt(const std::string& location) const {
    int64_t clip = 0;
    while (clips_->row(clip).location != location) ++clip;
    return clip;
  }

  int64_t mask_token_id() const { return parts_->config.lm.mask_token_id(); }

  std::unique_ptr<CodeSet> clips_;
  std::unique_ptr<LmParts> parts_;
};

// Breaks where a stage is not told the codebooks before it, or is told its own
// answers or those of the codebooks after it.
TEST_F(LmBatchTest, EarlierCodebooksAreGivenAndTheRestIsMasked) {
  for (int stage = 0; stage < 3; ++stage) {
    std::vector<int> weights(3, 0);
    weights[stage] = 1;
    const LmBatch batch = Batch(Maker({.stage_weights = weights}), /*step=*/5, 4);
    ASSERT_EQ(batch.stage, stage);
    const torch::Tensor clip_part = batch.input.narrow(2, 0, 24);
    EXPECT_TRUE(clip_part.narrow(1, 0, stage).lt(mask_token_id()).all().item<bool>());
    EXPECT_TRUE(batch.input.narrow(1, stage + 1, 2 - stage).eq(mask_token_id()).all().item<bool>());
    const torch::Tensor hidden = batch.input.select(1, stage).eq(mask_token_id());
    EXPECT_TRUE(hidden.narrow(1, 0, 24).eq(batch.loss_mask.narrow(1, 0, 24)).all().item<bool>());
    const torch::Tensor shown = hidden.logical_not();
    EXPECT_TRUE(torch::equal(batch.input.select(1, stage).masked_select(shown),
                             batch.targets.masked_select(shown)));
  }
}

// Breaks where silence that was added to a short clip is learnt.
TEST_F(LmBatchTest, PaddingIsMaskedAndHasNoLoss) {
  const LmBatch batch = Batch(Maker(), /*step=*/1, 4);
  EXPECT_EQ(batch.input.size(2), kWindow);
  EXPECT_TRUE(batch.input.narrow(2, 24, 6).eq(mask_token_id()).all().item<bool>());
  EXPECT_FALSE(batch.loss_mask.narrow(1, 24, 6).any().item<bool>());
  EXPECT_EQ(batch.num_masked, batch.loss_mask.sum().item<int64_t>());
  EXPECT_GT(batch.num_masked, 0);
}

// Breaks where what the first step of decoding sees is not trained on when asked for, or
// validation changes with it.
TEST_F(LmBatchTest, AllFramesAreMaskedAtThatChance) {
  const LmBatch full = Batch(Maker({.full_mask_chance = 1}), /*step=*/1, 4);
  EXPECT_EQ(full.num_masked, 4 * 24);
  EXPECT_TRUE(full.input.select(1, full.stage).eq(mask_token_id()).all().item<bool>());
  LmBatchMaker maker = Maker({.full_mask_chance = 0.5});
  int num_full = 0;
  for (int step = 0; step < 50; ++step) {
    const LmBatch some = Batch(maker, step, 4), none = Batch(Maker(), step, 4);
    for (int i = 0; i < 4; ++i) {
      const bool all = some.loss_mask[i].narrow(0, 0, 24).all().item<bool>();
      num_full += all;
      EXPECT_TRUE(all || torch::equal(some.loss_mask[i], none.loss_mask[i]));
    }
  }
  EXPECT_NEAR(num_full, 100, 30) << "some of the others have a mask rate of 1";
  EXPECT_TRUE(torch::equal(Maker({.full_mask_chance = 1}).Validation(0, 4, 0)->input,
                           Maker().Validation(0, 4, 0)->input));
}

// Breaks where processes that share a step do not train on what one would have.
TEST_F(LmBatchTest, ItemsDoNotDependOnTheirBatch) {
  const LmBatch whole = Batch(Maker(), /*step=*/3, 4);
  const LmBatch half = Batch(Maker(), /*step=*/3, 2, /*first_item=*/2);
  EXPECT_TRUE(torch::equal(whole.input.narrow(0, 2, 2), half.input));
  EXPECT_TRUE(torch::equal(whole.loss_mask.narrow(0, 2, 2), half.loss_mask));
  EXPECT_EQ(std::vector<std::string>(whole.locations.begin() + 2, whole.locations.end()),
            half.locations);
}

// Breaks where a clip is seen twice before another was seen once.
TEST_F(LmBatchTest, AnEpochHasEveryClipOnce) {
  std::vector<std::string> seen;
  LmBatchMaker maker = Maker();
  for (int step = 0; seen.size() < 7; ++step) {
    for (const std::string& location : Batch(maker, step, 4).locations) {
      if (seen.size() < 7) seen.push_back(location);
    }
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()) - seen.begin(), 7);
}

// Breaks where the beginning is as dear as the rest, or never ends.
TEST_F(LmBatchTest, ShortCropsEndAtTheirStep) {
  const LmBatchOptions options{.short_crops = {.steps = 2, .frames = 9}};
  LmBatchMaker maker = Maker(options);
  EXPECT_EQ(maker.NumFrames(1), 9);
  EXPECT_EQ(maker.NumFrames(2), kWindow);
  const LmBatch batch = Batch(Maker(options), /*step=*/1, 4);
  EXPECT_EQ(batch.input.size(2), 9);
  EXPECT_EQ(batch.targets.size(1), 9);
  EXPECT_EQ(batch.loss_mask.size(1), 9);
  EXPECT_EQ(Batch(Maker(options), /*step=*/2, 4).input.size(2), kWindow);
}

// Breaks where the crop is always the clip's beginning, or is told to lie elsewhere in its
// window than it does (then beats that are counted from the beginning cannot be learnt), or
// where labels are another crop's.
TEST_F(LmBatchTest, CropsLieAnywhereAndKeepTheirPlacesAndLabels) {
  LmConfig lm = parts_->config.lm;
  lm.window_frames = 16;  // of a clip's 24
  LmBatchOptions options{.short_crops = {.steps = 100, .frames = 9}, .with_labels = true};
  options.stage_weights = {1, 0, 0};
  LmBatchMaker maker(*clips_, parts_->tokenizer, lm, options);
  std::set<int64_t> places, windows;
  for (int step = 0; step < 12; ++step) {
    const LmBatch batch = Batch(maker, step, 2);
    ASSERT_EQ(batch.frame_labels.sizes(), at::IntArrayRef({2, 9, kNumFrameLabels}));
    for (int64_t i = 0; i < 2; ++i) {
      const int64_t clip = ClipAt(batch.locations[i]);
      int64_t begin = 0;
      while (!torch::equal(clips_->Codes(clip, begin, 9)[0], batch.targets[i])) ++begin;
      const auto first_frame = batch.first_frames[i].item<int64_t>();
      places.insert(first_frame);
      windows.insert(begin - first_frame);
      EXPECT_TRUE(
          torch::equal(batch.frame_labels[i], FrameLabels(clips_->row(clip), 50, begin, 9).t()));
    }
  }
  EXPECT_GE(*places.begin(), 0);
  EXPECT_LE(*places.rbegin(), 16 - 9);
  EXPECT_GE(*windows.begin(), 0);
  EXPECT_LE(*windows.rbegin(), 24 - 16);
  EXPECT_GT(places.size(), 3u);
  EXPECT_GT(windows.size(), 3u);
}

// Breaks where crops are told other beats than their clip has, dropped ones are told, or
// a model without beats has them.
TEST_F(LmBatchTest, FramesAreToldTheirTicks) {
  EXPECT_FALSE(Batch(Maker(), /*step=*/2, 3).ticks.defined());
  parts_->config.lm.beats = BeatConfig{.min_frames_per_beat = 10};
  const BeatConfig beats = *parts_->config.lm.beats;
  const LmBatch batch = Batch(Maker(), /*step=*/2, 3);
  for (int i = 0; i < 3; ++i) {
    const MusicBenchRow& row = clips_->row(ClipAt(batch.locations[i]));
    EXPECT_TRUE(torch::equal(batch.ticks[i].narrow(0, 0, 24), Ticks(row, beats, 50, 0, 24)));
    EXPECT_TRUE(torch::equal(batch.beat_labels[i], BeatLabels(row, beats, 50)));
    EXPECT_EQ(batch.beat_labels[i][0].item<int64_t>(), 0) << "300 bpm are 10 frames";
  }
  EXPECT_TRUE(batch.ticks.narrow(1, 24, 6).eq(beats.no_tick_id()).all().item<bool>());
  const LmBatch later = Batch(Maker({.short_crops = {.steps = 9, .frames = 9}}), /*step=*/2, 3);
  for (int i = 0; i < 3; ++i) {
    const int64_t clip = ClipAt(later.locations[i]), begin = later.first_frames[i].item<int64_t>();
    EXPECT_TRUE(torch::equal(later.ticks[i], Ticks(clips_->row(clip), beats, 50, begin, 9)));
  }
  EXPECT_GT(later.first_frames.max().item<int64_t>(), 0) << "no crop that begins later";
  const LmBatch dropped = Batch(Maker({.condition_dropout = 1, .beat_dropout = 1}), /*step=*/2, 3);
  EXPECT_TRUE(dropped.ticks.eq(beats.no_tick_id()).all().item<bool>());
  EXPECT_TRUE(dropped.beat_labels.eq(kUnlabelled).all().item<bool>()) << "no text, no answer";
}

// Breaks where a clip's own labels are lost, stand at other frames than its own, or are another
// clip's.
TEST_F(LmBatchTest, EveryFrameHasItsClipsLabels) {
  WriteTinyData(TestFolder("batches"), 7, WithLabels::kYes);
  SetUpClips();
  const std::vector<LabelKind> kinds = *LabelKinds(*clips_);
  LmBatchOptions options{.with_labels = true, .label_kinds = kinds};
  options.stage_weights = {1, 0, 0};
  const LmBatch batch = Batch(Maker(options), /*step=*/2, 4);
  ASSERT_EQ(batch.frame_labels.sizes(), at::IntArrayRef({4, kWindow, kNumFrameLabels + 2}));
  LmBatchMaker maker = Maker(options);
  const auto texts = maker.Texts({.step = 2, .items_per_step = 4}, 4);
  ASSERT_TRUE(texts.ok()) << texts.status();
  for (int i = 0; i < 4; ++i) {
    for (int kind = 0; kind < 2; ++kind) {
      const torch::Tensor labels = batch.frame_labels[i].select(1, kNumFrameLabels + kind);
      const int64_t wanted = LabelClass(kinds[kind], clips_->row(ClipAt(batch.locations[i])));
      EXPECT_TRUE(labels.narrow(0, 0, 24).eq(wanted).all().item<bool>());
      EXPECT_TRUE(labels.narrow(0, 24, 6).eq(kUnlabelled).all().item<bool>()) << "padding";
      EXPECT_EQ(texts->clip_labels[i][2 + kind].item<int64_t>(),
                LabelClass(kinds[kind], clips_->row(ClipAt(texts->locations[i]))));
    }
  }
}

// Breaks where padding has labels, or batches have them that need none.
TEST_F(LmBatchTest, OnlyFramesOfTheFirstStageHaveLabels) {
  LmBatchOptions options{.with_labels = true};
  options.stage_weights = {1, 0, 0};
  const LmBatch batch = Batch(Maker(options), /*step=*/2, 3);
  EXPECT_TRUE(batch.frame_labels.narrow(1, 24, 6).eq(kUnlabelled).all().item<bool>());
  EXPECT_EQ(batch.num_labels, batch.frame_labels.ge(0).sum().item<int64_t>());
  EXPECT_GT(batch.num_labels, 0);
  options.stage_weights = {0, 1, 0};
  EXPECT_FALSE(Batch(Maker(options), 2, 3).frame_labels.defined());
  options = {};
  options.stage_weights = {1, 0, 0};
  EXPECT_FALSE(Batch(Maker(options), 2, 3).frame_labels.defined());
}

}  // namespace
}  // namespace magnet
