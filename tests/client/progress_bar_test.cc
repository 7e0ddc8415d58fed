// If these fail, the progress line wraps, flickers or says something wrong.
#include "client/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/client/fake_clock.h"

namespace magnet::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr LineStyle kAscii = {/*width=*/80, /*color=*/false, /*unicode=*/false};

v1::Progress Half() {
  v1::Progress progress;
  progress.set_window(1);
  progress.set_num_windows(3);
  progress.set_stage(2);
  progress.set_num_stages(4);
  progress.set_step(7);
  progress.set_num_steps(10);
  progress.set_steps_done(75);
  progress.set_total_steps(150);
  return progress;
}

// Columns of a line: characters without colour codes.
size_t Columns(const std::string& line) {
  size_t columns = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      i = line.find('m', i);
    } else if ((line[i] & 0xC0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

TEST(RenderProgress, SaysWindowStageStepAndTimeLeft) {
  EXPECT_EQ(RenderProgress(Half(), absl::Seconds(12.4), "", kAscii),
            "[##########-----------]  50 % | 12 s left | window 2/3 | stage 3/4 | "
            "step  7/10");
}

TEST(RenderProgress, LeavesOutWhatIsNotKnownOrThere) {
  v1::Progress progress = Half();
  progress.set_num_windows(1);
  const std::string line = RenderProgress(progress, std::nullopt, "2/4 ", kAscii);
  EXPECT_THAT(line, Not(HasSubstr("left")));
  EXPECT_THAT(line, Not(HasSubstr("window")));
  EXPECT_THAT(line, testing::StartsWith("2/4 ["));
}

TEST(RenderProgress, NeverFillsTheLine) {
  for (int width = 1; width <= 200; ++width) {
    for (const bool color : {false, true}) {
      for (const bool unicode : {false, true}) {
        const std::string line =
            RenderProgress(Half(), absl::Hours(2), "12/99 ", {width, color, unicode});
        EXPECT_LE(Columns(line), static_cast<size_t>(std::max(width - 1, 0))) << line;
      }
    }
  }
}

TEST(RenderProgress, KeepsTimeLeftLongestOfTheDetails) {
  const std::string line = RenderProgress(Half(), absl::Seconds(9), "", {34, false, false});
  EXPECT_THAT(line, HasSubstr("50 % | 9 s left"));
  EXPECT_THAT(line, Not(HasSubstr("stage")));
}

TEST(RenderProgress, ClampsWhatCannotBe) {
  v1::Progress progress = Half();
  progress.set_steps_done(400);
  EXPECT_THAT(RenderProgress(progress, {}, "", kAscii), HasSubstr("100 %"));
  progress.set_total_steps(0);
  EXPECT_THAT(RenderProgress(progress, {}, "", kAscii), HasSubstr("  0 %"));
}

TEST(RenderProgress, ColoursOnlyWhenAsked) {
  EXPECT_THAT(RenderProgress(Half(), {}, "", {80, true, true}), HasSubstr("\x1b[36m"));
  EXPECT_THAT(RenderProgress(Half(), {}, "", {80, false, true}), Not(HasSubstr("\x1b")));
}

TEST(FormatRemaining, CountsUpToHours) {
  EXPECT_EQ(FormatRemaining(absl::Seconds(-1)), "0 s");
  EXPECT_EQ(FormatRemaining(absl::Seconds(59.4)), "59 s");
  EXPECT_EQ(FormatRemaining(absl::Seconds(59.6)), "1:00");
  EXPECT_EQ(FormatRemaining(absl::Seconds(7205)), "2:00:05");
}

TEST(RenderNote, CutsBetweenCharacters) {
  EXPECT_EQ(RenderNote("abcdef", {4, false, true}), "abc");
  EXPECT_EQ(RenderNote("ab\xC3\xA4z", {4, false, true}), "ab");
}

Terminal Screen() {
  Terminal terminal;
  terminal.is_terminal = true;
  return terminal;
}

TEST(ProgressBar, DrawsAtMostTwentyTimesASecondButAlwaysTheLast) {
  std::ostringstream out;
  FakeClock clock;
  {
    ProgressBar bar(&out, Screen(), &clock);
    v1::Progress progress = Half();
    bar.Update(progress);
    const std::string first = out.str();
    bar.Update(progress);
    EXPECT_EQ(out.str(), first) << "a second state at the same moment was drawn";
    clock.Sleep(absl::Milliseconds(50));
    bar.Update(progress);
    EXPECT_GT(out.str().size(), first.size());
    progress.set_steps_done(150);
    bar.Update(progress);
    EXPECT_THAT(out.str(), HasSubstr("100 %"));
  }
  EXPECT_THAT(out.str(), testing::EndsWith("\r\x1b[K")) << "the line is left on the screen";
}

TEST(ProgressBar, IsSilentWhereThereIsNoTerminal) {
  std::ostringstream out;
  FakeClock clock;
  {
    ProgressBar bar(&out, Terminal(), &clock);
    bar.Update(Half());
    bar.Note("waiting");
  }
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace magnet::client
