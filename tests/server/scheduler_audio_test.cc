// Audio that is decoded beside the steps, as on a GPU. If one of these fails, a GPU waits for the
// codec, clips lose sound or get it in the wrong order, or a cancelled request holds its memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/scheduler_fixture.h"
#include "tests/testing/fake_samples.h"

namespace magnet {
namespace {

using ::testing::IsEmpty;
using testing::kStepsPerWindow;
using ::testing::SizeIs;
using testing::Submitted;

class SchedulerAudioTest : public testing::SchedulerTest {
 protected:
  SchedulerAudioTest() { control_->HoldAudio(); }

  static void ExpectWholeClip(const Submitted& job, uint64_t seed, size_t seconds) {
    EXPECT_TRUE(job.listener->Await().status.ok());
    const std::vector<float> samples = job.listener->samples();
    ASSERT_THAT(samples, SizeIs(seconds * 16000));
    testing::ExpectFakeSamples(samples, seed);
  }
};

TEST_F(SchedulerAudioTest, StepsOfOthersDoNotWaitForIt) {
  Start({});
  const Submitted first = Submit(Request(1, 1)), second = Submit(Request(2, 1));
  ASSERT_TRUE(control_->AwaitStepCalls(2 * kStepsPerWindow));
  EXPECT_THAT(first.listener->samples(), IsEmpty());
  ASSERT_TRUE(control_->AwaitAudioWaits(1)) << "with nothing else to do the model thread waits";
  control_->ReleaseAudio();
  ExpectWholeClip(first, 1, 1);
  ExpectWholeClip(second, 2, 1);
}

TEST_F(SchedulerAudioTest, LaterWindowsDoNotWaitForItAndOrderIsKept) {
  Start({});
  const Submitted job = Submit(Request(1, 6));
  ASSERT_TRUE(control_->AwaitAudioWaits(1));
  EXPECT_EQ(control_->step_calls(), 3 * kStepsPerWindow);
  EXPECT_EQ(control_->decode_calls(), 6) << "all that was ready has been started";
  control_->ReleaseAudio();
  ExpectWholeClip(job, 1, 6);
}

TEST_F(SchedulerAudioTest, CancellationDoesNotWaitForIt) {
  control_->CloseGate();
  Start({});
  const Submitted cancelled = Submit(Request(1, 1)), other = Submit(Request(2, 1));
  control_->Permit(kStepsPerWindow);
  ASSERT_TRUE(control_->AwaitStepCalls(kStepsPerWindow + 1));
  scheduler_->Cancel(cancelled.id, absl::CancelledError("test"));
  control_->Permit(1);
  EXPECT_TRUE(absl::IsCancelled(cancelled.listener->Await().status));
  EXPECT_THAT(cancelled.listener->samples(), IsEmpty());
  EXPECT_EQ(control_->destroyed(), 1);
  control_->OpenGate();
  control_->ReleaseAudio();
  ExpectWholeClip(other, 2, 1);
}

TEST_F(SchedulerAudioTest, ReaderWithoutRoomGetsNoMoreOfIt) {
  Start({});
  Submitted slow = {0, std::make_shared<testing::RecordingListener>()};
  slow.listener->LimitRoom(16000);
  ASSERT_TRUE(scheduler_->Submit(Request(1, 2), slow.listener).ok());
  ASSERT_TRUE(control_->AwaitAudioWaits(1));
  control_->ReleaseAudio();
  const Submitted other = Submit(Request(2, 1));
  ExpectWholeClip(other, 2, 1);
  EXPECT_THAT(slow.listener->samples(), SizeIs(16000));
  slow.listener->GiveRoom();
  scheduler_->Resume();
  ExpectWholeClip(slow, 1, 2);
}

}  // namespace
}  // namespace magnet
