#include "train/annotations.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/magnet/beat_track.h"

namespace magnet {
namespace {

constexpr double kFrameRateHz = 10;

int64_t At(const torch::Tensor& labels, int64_t kind, int64_t frame) {
  return labels[kind][frame].item<int64_t>();
}

// Breaks where a frame is told another place between its beats than it has.
TEST(FrameLabelsTest, AFrameKnowsItsPlaceBetweenBeatsAndInTheBar) {
  MusicBenchRow row;
  row.beat_times_s = {0.19, 0.99, 1.79};
  row.beat_positions = {3, 1, 2};
  const torch::Tensor labels = FrameLabels(row, kFrameRateHz, /*begin=*/0, /*count=*/20);
  EXPECT_EQ(At(labels, 0, 1), kUnlabelled) << "0.15 s is before the first beat";
  EXPECT_EQ(At(labels, 0, 2), 1) << "0.25 s is 0.06 s of 0.8 after a beat";
  EXPECT_EQ(At(labels, 0, 6), 9) << "0.65 s is 0.46 s of 0.8 after it";
  EXPECT_EQ(At(labels, 1, 6), 2);
  EXPECT_EQ(At(labels, 0, 17), 15);
  EXPECT_EQ(At(labels, 1, 17), 0);
  EXPECT_EQ(At(labels, 0, 18), kUnlabelled) << "nobody knows when the next beat comes";
  const torch::Tensor later = FrameLabels(row, kFrameRateHz, /*begin=*/5, /*count=*/3);
  EXPECT_TRUE(torch::equal(later, labels.narrow(1, 5, 3)));
}

// Breaks where a model learns other beats than BeatTrack tells it when it plays.
TEST(TicksTest, CountOnBeforeTheFirstBeatAndAfterTheLast) {
  const BeatConfig beats{.ticks_per_beat = 4, .max_beats_per_bar = 3};
  MusicBenchRow row;
  row.beat_times_s = {0.8, 1.6, 2.4};
  row.beat_positions = {3, 1, 2};
  const torch::Tensor ticks = Ticks(row, beats, kFrameRateHz, /*begin=*/0, /*count=*/40);
  const auto tick = [&](int64_t frame) { return ticks[frame].item<int64_t>(); };
  EXPECT_EQ(tick(0), 4) << "a beat before the first told one, which is its bar's third";
  EXPECT_EQ(tick(8), 8);
  EXPECT_EQ(tick(15), 11);
  EXPECT_EQ(tick(16), 0);
  EXPECT_EQ(tick(24), 4);
  EXPECT_EQ(tick(32), 8) << "the last beat's length holds after it";
  EXPECT_EQ(tick(39), 11);
  EXPECT_TRUE(torch::equal(Ticks(row, beats, kFrameRateHz, 5, 3), ticks.narrow(0, 5, 3)));
  row.beat_times_s = {0.8, 1.6, 1.6};
  const torch::Tensor doubled = Ticks(row, beats, kFrameRateHz, 0, 40);
  EXPECT_EQ(doubled[39].item<int64_t>(), beats.no_tick_id()) << "no length to go on with";
  EXPECT_EQ(doubled[8].item<int64_t>(), 8);
  row.beat_times_s = {0.8};
  row.beat_positions = {1};
  EXPECT_TRUE(Ticks(row, beats, kFrameRateHz, 0, 9).eq(beats.no_tick_id()).all().item<bool>());
}

TEST(TicksTest, EqualThoseOfAClipThatIsMadeAtTheSameTempo) {
  const BeatConfig beats;
  MusicBenchRow row;
  for (int beat = 0; beat < 12; ++beat) {
    row.beat_times_s.push_back(beat * 0.46);  // 23 frames of 20 ms
    row.beat_positions.push_back(beat % 3 + 1);
  }
  BeatTrack track(beats, 250);
  track.Change(0, Beats{.frames_per_beat = 23, .beats_per_bar = 3});
  const torch::Tensor ticks = Ticks(row, beats, /*frame_rate_hz=*/50, 0, 250);
  for (int64_t t = 0; t < 250; ++t) {
    EXPECT_NEAR(ticks[t].item<int64_t>(), track.ticks()[static_cast<size_t>(t)], 1)
        << "frame " << t;
  }
}

TEST(BeatLabelsTest, TempoAndMetreHaveTheirClasses) {
  const BeatConfig beats;
  MusicBenchRow row;
  const auto labels = [&] { return BeatLabels(row, beats, /*frame_rate_hz=*/50); };
  EXPECT_TRUE(labels().eq(kUnlabelled).all().item<bool>());
  row.bpm = 120;
  row.beat_positions = {2, 3, 1};
  EXPECT_EQ(labels()[0].item<int64_t>(), 25 - beats.min_frames_per_beat);
  EXPECT_EQ(labels()[1].item<int64_t>(), 2);
  row.bpm = 1e-310;
  row.beat_positions = {1, 9};
  EXPECT_TRUE(labels().eq(kUnlabelled).all().item<bool>());
  row.bpm = 20;
  EXPECT_TRUE(labels().eq(kUnlabelled).all().item<bool>()) << "slower and longer than any class";
}

// Breaks where chords or keys are read otherwise than MusicBench writes them.
TEST(FrameLabelsTest, ChordsAndKeysHaveTheirClasses) {
  const auto chord_class = [](const char* name) {
    MusicBenchRow row;
    row.chords = {name};
    row.chord_times_s = {0};
    return At(FrameLabels(row, kFrameRateHz, 0, 1), 2, 0);
  };
  EXPECT_EQ(chord_class("C"), 0);
  EXPECT_EQ(chord_class("Am"), 9 * 3 + 1);
  EXPECT_EQ(chord_class("G/D"), 7 * 3);
  EXPECT_EQ(chord_class("Bbmaj7"), 10 * 3);
  EXPECT_EQ(chord_class("F#m7"), 6 * 3 + 1);
  EXPECT_EQ(chord_class("E7"), 4 * 3);
  EXPECT_EQ(chord_class("Bm7b5/A"), 11 * 3 + 2);
  EXPECT_EQ(chord_class("Cbdim"), 11 * 3 + 2);
  EXPECT_EQ(chord_class("N"), kUnlabelled);

  MusicBenchRow row;
  row.chords = {"C", "G"};
  row.chord_times_s = {0.5, 1};
  row.key_root = "Eb";
  row.key_mode = "minor";
  const torch::Tensor labels = FrameLabels(row, kFrameRateHz, 0, 12);
  EXPECT_EQ(At(labels, 2, 4), kUnlabelled);
  EXPECT_EQ(At(labels, 2, 5), 0);
  EXPECT_EQ(At(labels, 2, 11), 7 * 3);
  EXPECT_EQ(At(labels, 3, 0), 3 + 12);
}

// Breaks where what a row does not say is learnt as if it did.
TEST(FrameLabelsTest, WhatARowDoesNotSayHasNoLabel) {
  MusicBenchRow row;
  row.beat_times_s = {1, 1, 0.2};  // not rising
  row.beat_positions = {1, 2, 3};
  const torch::Tensor labels = FrameLabels(row, kFrameRateHz, 0, 30);
  EXPECT_TRUE(labels.narrow(0, 2, 2).eq(kUnlabelled).all().item<bool>());
  EXPECT_TRUE(labels.ge(kUnlabelled).all().item<bool>());
  EXPECT_TRUE(labels.lt(torch::tensor({16, 8, 36, 24}).unsqueeze(1)).all().item<bool>());
  EXPECT_TRUE(ClipLabels(row).eq(kUnlabelled).all().item<bool>());
}

// Breaks where tempos that a listener tells apart are one class, or classes run over.
TEST(ClipLabelsTest, TemposAreClassesOfEqualRatio) {
  const auto tempo_class = [](double bpm) {
    MusicBenchRow row;
    row.bpm = bpm;
    return ClipLabels(row)[1].item<int64_t>();
  };
  EXPECT_EQ(tempo_class(32), 0);
  EXPECT_EQ(tempo_class(64), 24);
  EXPECT_EQ(tempo_class(128), 48);
  EXPECT_NE(tempo_class(100), tempo_class(104));
  EXPECT_EQ(tempo_class(1), 0);
  EXPECT_EQ(tempo_class(1e9), kClipLabelClasses[1] - 1);
}

// Breaks where a label's loss looks at another label's logits, or counts what is unlabelled.
TEST(SummedLabelLossTest, EachLabelHasItsOwnLogits) {
  const torch::Tensor logits = torch::zeros({1, 2, 5});  // two frames, kinds of 2 and 3 classes
  const torch::Tensor labels = torch::tensor({0, 2, -1, 1}, torch::kLong).view({1, 2, 2});
  EXPECT_NEAR(SummedLabelLoss(logits, labels, {2, 3}).item<double>(), std::log(2) + 2 * std::log(3),
              1e-5);
  logits[0][0][0] = 50;  // class 0 of the first kind
  logits[0][0][4] = 50;  // class 2 of the second
  logits[0][1][3] = 50;  // class 1 of the second
  EXPECT_NEAR(SummedLabelLoss(logits, labels, {2, 3}).item<double>(), 0, 1e-5);
}

}  // namespace
}  // namespace magnet
