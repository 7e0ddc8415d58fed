// If one of these fails, a model is told other beats than it was trained on, and plays out
// of time.
#include "model/magnet/beat_track.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace magnet {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr BeatConfig kConfig = {.ticks_per_beat = 4,
                                .max_beats_per_bar = 3,
                                .min_frames_per_beat = 2,
                                .max_frames_per_beat = 9};

std::vector<int64_t> TicksAfter(BeatTrack track, const Beats& beats) {
  track.Change(0, beats);
  return {track.ticks().begin(), track.ticks().end()};
}

TEST(TickAtTest, CountsPlacesAndPartsOfABeat) {
  EXPECT_EQ(TickAt(kConfig, 0), 0);
  EXPECT_EQ(TickAt(kConfig, 0.99), 3);
  EXPECT_EQ(TickAt(kConfig, 0.25 - 1e-9), 1) << "a boundary, whatever the rounding of its place";
  EXPECT_EQ(TickAt(kConfig, 1.5), 6);
  EXPECT_EQ(TickAt(kConfig, 2.25), 9);
  EXPECT_EQ(TickAt(kConfig, 5.25), 9) << "a place that has no ids counts as the last";
}

TEST(BeatTrackTest, BarsRepeatFromTheFirstFrameOn) {
  EXPECT_THAT(TicksAfter(BeatTrack(kConfig, 9), {.frames_per_beat = 2, .beats_per_bar = 2}),
              ElementsAre(1, 3, 5, 7, 1, 3, 5, 7, 1));
  // Middles of five frames: 0.1, 0.3, 0.5, 0.7, 0.9 of a beat.
  EXPECT_THAT(TicksAfter(BeatTrack(kConfig, 6), {.frames_per_beat = 5, .beats_per_bar = 1}),
              ElementsAre(0, 1, 2, 2, 3, 0));
}

TEST(BeatTrackTest, ABeatUnderWayGoesOnAtAnotherTempo) {
  BeatTrack track(kConfig, 10);
  EXPECT_THAT(track.ticks(), Each(kConfig.no_tick_id())) << "nothing is known yet";
  track.Change(0, Beats{.frames_per_beat = 4, .beats_per_bar = 3});
  track.Change(6, Beats{.frames_per_beat = 2, .beats_per_bar = 3});
  // Six frames are a beat and a half: the rest of the second beat is one frame long.
  EXPECT_THAT(track.ticks(), ElementsAre(0, 1, 2, 3, 4, 5, 7, 9, 11, 1));
}

TEST(BeatTrackTest, TheSameBeatsAgainChangeNothing) {
  const Beats beats = {.frames_per_beat = 7, .beats_per_bar = 3};
  const std::vector<int64_t> once = TicksAfter(BeatTrack(kConfig, 60), beats);
  BeatTrack track(kConfig, 60);
  for (const int frame : {0, 10, 33}) track.Change(frame, beats);
  EXPECT_THAT(track.ticks(), ::testing::ElementsAreArray(once));
}

TEST(BeatTrackTest, ABarBeginsWhereBeatsAreKnownAgain) {
  BeatTrack track(kConfig, 6);
  track.Change(0, Beats{.frames_per_beat = 2, .beats_per_bar = 3});
  track.Change(1, std::nullopt);
  track.Change(3, Beats{.frames_per_beat = 2, .beats_per_bar = 3});
  const int64_t none = kConfig.no_tick_id();
  EXPECT_THAT(track.ticks(), ElementsAre(1, none, none, 1, 3, 5));
}

}  // namespace
}  // namespace magnet
