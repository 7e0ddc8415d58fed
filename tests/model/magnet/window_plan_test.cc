// If these fail, long clips have gaps, or windows longer than the model can see.
#include "model/magnet/window_plan.h"

#include <gtest/gtest.h>

namespace magnet {
namespace {

TEST(ClipFrames, CutsToWholeSpansOnlyInTheNonoverlapArrangement) {
  EXPECT_EQ(ClipFrames(10, 50, SpanArrangement::kNonoverlap, 3), 498);
  EXPECT_EQ(ClipFrames(10, 50, SpanArrangement::kStride1, 3), 500);
  EXPECT_EQ(ClipFrames(0.5, 50, SpanArrangement::kNonoverlap, 3), 24);
}

TEST(PlanWindows, AShortClipIsOneShortWindow) {
  const auto windows = PlanWindows(99, 498, 0.25, 3);
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].num_frames(), 99);
  EXPECT_EQ(windows[0].overlap, 0);
}

TEST(PlanWindows, CoversEveryFrameOnceAndKeepsTheOverlap) {
  for (const double overlap : {0.05, 0.25, 0.5, 0.9}) {
    for (int num_frames = 3; num_frames < 1500; num_frames += 39) {
      int covered = 0;
      for (const Window& window : PlanWindows(num_frames, 198, overlap, 3)) {
        EXPECT_EQ(window.first_new_frame(), covered);
        EXPECT_LE(window.num_frames(), 198);
        EXPECT_GE(window.start, 0);
        EXPECT_EQ(window.start % 3, 0) << "blocks of two windows would not line up";
        EXPECT_GT(window.end, covered);
        covered = window.end;
      }
      EXPECT_EQ(covered, num_frames);
    }
  }
}

TEST(PlanWindows, OverlapIsAShareOfTheWindow) {
  const auto windows = PlanWindows(1000, 498, 0.25, 3);
  ASSERT_GE(windows.size(), 2u);
  EXPECT_EQ(windows[1].overlap, 126);  // 124.5 to whole spans
}

// Spans that start anywhere need room: a window shorter than a span would read
// outside its frames, and one without overlap would not continue the music.
TEST(PlanWindows, NoWindowIsShorterThanASpanAndEachKeepsOne) {
  for (const int window_frames : {3, 4, 5, 6, 27}) {
    for (int num_frames = window_frames; num_frames < 60; ++num_frames) {
      int covered = 0;
      for (const Window& window : PlanWindows(num_frames, window_frames, 0.05, 3)) {
        SCOPED_TRACE(::testing::Message() << window_frames << " of " << num_frames);
        EXPECT_GE(window.num_frames(), 3);
        EXPECT_LE(window.num_frames(), window_frames);
        EXPECT_GE(window.start, 0);
        EXPECT_EQ(window.first_new_frame(), covered);
        EXPECT_GT(window.end, covered);
        const bool has_room = covered > 0 && window_frames >= 6;
        EXPECT_GE(window.overlap, has_room ? 3 : 0);
        covered = window.end;
      }
      EXPECT_EQ(covered, num_frames);
    }
  }
}

}  // namespace
}  // namespace magnet
