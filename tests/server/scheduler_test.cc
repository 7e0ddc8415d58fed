#include "server/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "server/status_conversion.h"
#include "tests/server/scheduler_fixture.h"
#include "tests/testing/fake_samples.h"

namespace magnet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kStepsPerWindow;
using testing::RecordingListener;
using testing::SchedulerTest;
using ::testing::SizeIs;
using testing::Submitted;

constexpr absl::Duration kHangs = absl::Seconds(30);

// Time that only the test moves.
class ManualClock : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + absl::Seconds(seconds_.load()); }
  void AdvanceOneSecond() { ++seconds_; }

 private:
  std::atomic<int> seconds_ = 0;
};

TEST_F(SchedulerTest, DeliversAllSamplesInOrder) {
  Start({});
  Submitted job = Submit(Request(/*seed=*/7, /*seconds=*/3));
  const JobReport report = job.listener->Await();
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.passes, 2 * 2 * kStepsPerWindow);
  EXPECT_EQ(report.tempos, std::vector<TempoChange>{testing::kFakeTempo});
  EXPECT_EQ(job.listener->progress_calls(), 2 * kStepsPerWindow);
  const std::vector<float> samples = job.listener->samples();
  ASSERT_THAT(samples, SizeIs(3 * 16000));
  testing::ExpectFakeSamples(samples, 7);
}

// First audio of a clip of 30 windows: it must not wait for more than the first, and none of the
// second's steps may come before it; so it is within one window's time, whatever that is.
TEST_F(SchedulerTest, AudioOfAWindowComesBeforeTheNextWindowsFirstStep) {
  Start({});
  auto listener = std::make_shared<RecordingListener>();
  std::vector<int> steps_before;  // each second of audio
  listener->CallOnAudio([&] { steps_before.push_back(control_->step_calls()); });
  ASSERT_TRUE(scheduler_->Submit(Request(1, 60), listener).ok());
  EXPECT_TRUE(listener->Await().status.ok());
  ASSERT_THAT(steps_before, SizeIs(60)) << "audio is to be decoded a second at a time";
  for (size_t second = 0; second < steps_before.size(); ++second) {
    EXPECT_EQ(steps_before[second], kStepsPerWindow * (static_cast<int>(second) / 2 + 1));
  }
}

// The figures of overhead rest on this: what the model does is compute time, all of it and nothing
// else.
TEST_F(SchedulerTest, ComputeTimeIsTheModelsTime) {
  ManualClock clock;
  Scheduler scheduler({}, clock, metrics_);
  scheduler.SetReadiness(Readiness::kServing);
  control_->OnWork([&clock] { clock.AdvanceOneSecond(); });
  JobRequest request = Request(1, 6);
  request.arrival = clock.Now();
  auto listener = std::make_shared<RecordingListener>();
  ASSERT_TRUE(scheduler.Submit(std::move(request), listener).ok());
  const JobReport report = listener->Await();
  EXPECT_EQ(report.queue_seconds, 0);
  EXPECT_EQ(report.compute_seconds, 1 + 3 * kStepsPerWindow + 6) << "begin, steps, decoding";
}

// On a CPU one request is worked on at a time, in order of arrival.
TEST_F(SchedulerTest, WithoutRowBudgetStepsAreOfOneJobEach) {
  control_->CloseGate();
  Start({});
  std::vector<Submitted> jobs = {Submit(Request(1, 1)), Submit(Request(2, 1))};
  control_->OpenGate();
  for (auto& job : jobs) job.listener->Await();
  std::vector<std::vector<uint64_t>> expected(5, {1});
  expected.insert(expected.end(), 5, {2});
  EXPECT_EQ(control_->batches(), expected);
}

// A short clip behind a long one waits for one window, not for all of them.
TEST_F(SchedulerTest, LongClipGivesUpItsTurnAfterEachWindow) {
  control_->CloseGate();
  Start({});
  std::vector<Submitted> jobs = {Submit(Request(1, 6)), Submit(Request(2, 2))};
  control_->OpenGate();
  for (auto& job : jobs) job.listener->Await();
  std::vector<uint64_t> order;
  for (const auto& batch : control_->batches()) {
    if (order.empty() || order.back() != batch.front()) order.push_back(batch.front());
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 1));
  EXPECT_EQ(control_->step_calls(), 4 * kStepsPerWindow);
}

TEST_F(SchedulerTest, PriorityGoesBeforeArrival) {
  control_->CloseGate();
  Start({});
  Submitted first = Submit(Request(1, 1));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  JobRequest low = Request(2, 1), high = Request(3, 1);
  low.priority = JobPriority::kLow;
  high.priority = JobPriority::kHigh;
  std::vector<Submitted> jobs = {Submit(low), Submit(Request(4, 1)), Submit(high)};
  control_->OpenGate();
  for (auto& job : jobs) job.listener->Await();
  std::vector<uint64_t> order;
  for (const auto& batch : control_->batches()) {
    if (order.empty() || order.back() != batch.front()) order.push_back(batch.front());
  }
  EXPECT_THAT(order, ElementsAre(1, 3, 1, 4, 2));
}

// The budget of rows bounds a batch; the rest waits its turn and joins at a step.
TEST_F(SchedulerTest, BatchesFillTheRowBudget) {
  control_->CloseGate();
  Start({.max_batch_rows = 400});  // two windows of 100 frames, guided
  std::vector<Submitted> jobs;
  for (uint64_t seed : {1, 2, 3}) jobs.push_back(Submit(Request(seed, 2)));
  control_->OpenGate();
  for (auto& job : jobs) EXPECT_TRUE(job.listener->Await().status.ok());
  for (const auto& batch : control_->batches()) EXPECT_LE(batch.size(), 2u);
  EXPECT_THAT(control_->batches(), Contains(ElementsAre(1, 2)));
  EXPECT_THAT(control_->batches(), Contains(Contains(3)));
}

TEST_F(SchedulerTest, CancelWhileQueuedFreesThePlaceAtOnce) {
  control_->CloseGate();
  Start({.admission = {.max_running = 16, .max_waiting = 1}});
  Submitted running = Submit(Request(1, 1));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  Submitted queued = Submit(Request(2, 1));
  const auto refused = scheduler_->Submit(Request(3, 1), std::make_shared<RecordingListener>());
  EXPECT_EQ(ErrorReason(refused.status()), "QUEUE_FULL");
  EXPECT_TRUE(RetryDelay(refused.status()).has_value());
  scheduler_->Cancel(queued.id, absl::CancelledError("test"));
  EXPECT_EQ(queued.listener->Await().phase, JobPhase::kQueued);
  EXPECT_EQ(control_->step_calls(), 1) << "the model is still in its first step";
  Submitted next = Submit(Request(4, 1));
  control_->OpenGate();
  EXPECT_TRUE(next.listener->Await().status.ok());
  EXPECT_TRUE(running.listener->Await().status.ok());
  EXPECT_EQ(control_->created(), 2) << "a cancelled request in the queue must cost nothing";
}

// The client hangs up while the model thread ends what is past its deadline: if both end the same
// job, its place is given back twice and its listener, gone after the first end, is called again.
TEST_F(SchedulerTest, CancelOfAJobPastItsDeadlineLeavesTheEndToTheModelThread) {
  ManualClock clock;
  Scheduler scheduler({.admission = {.max_running = 1, .max_waiting = 2}}, clock, metrics_);
  scheduler.SetReadiness(Readiness::kServing);
  control_->CloseGate();
  auto running = std::make_shared<RecordingListener>();
  ASSERT_TRUE(scheduler.Submit(Request(1, 1), running).ok());
  ASSERT_TRUE(control_->AwaitStepCalls(1));

  auto first = std::make_shared<RecordingListener>(),
       second = std::make_shared<RecordingListener>();
  JobId second_id = 0;
  first->CallOnFinished([&] { scheduler.Cancel(second_id, absl::CancelledError("test")); });
  JobRequest late = Request(2, 1);
  late.deadline = clock.Now() + absl::Seconds(1);
  ASSERT_TRUE(scheduler.Submit(late, first).ok());
  second_id = scheduler.Submit(late, second).value();
  clock.AdvanceOneSecond();
  control_->OpenGate();
  EXPECT_TRUE(absl::IsDeadlineExceeded(first->Await().status));
  EXPECT_TRUE(absl::IsDeadlineExceeded(second->Await().status));
  EXPECT_TRUE(running->Await().status.ok());
  EXPECT_THAT(metrics_.Text(), HasSubstr("magnet_cancelled_total{phase=\"queued\"} 2\n"));
  ASSERT_TRUE(scheduler.WaitUntilIdle(absl::Seconds(30)));
  EXPECT_THAT(metrics_.Text(), HasSubstr("magnet_requests_waiting 0\n")) << "a place is lost";
}

TEST_F(SchedulerTest, CancelWhileRunningEndsWithinOneStep) {
  control_->CloseGate();
  Start({});
  Submitted job = Submit(Request(1, 1));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  scheduler_->Cancel(job.id, absl::CancelledError("test"));
  control_->Permit(1);
  EXPECT_EQ(job.listener->Await().phase, JobPhase::kRunning);
  EXPECT_EQ(control_->step_calls(), 1) << "no step may follow the one that was under way";
  EXPECT_EQ(control_->destroyed(), 1);
}

TEST_F(SchedulerTest, CancelWhileStreamingEndsWithinOneStep) {
  control_->CloseGate();
  Start({});
  Submitted job = Submit(Request(1, 6));
  control_->Permit(kStepsPerWindow);
  ASSERT_TRUE(control_->AwaitStepCalls(kStepsPerWindow + 1));
  scheduler_->Cancel(job.id, absl::CancelledError("test"));
  control_->Permit(1);
  EXPECT_EQ(job.listener->Await().phase, JobPhase::kStreaming);
  EXPECT_EQ(control_->step_calls(), kStepsPerWindow + 1);
  EXPECT_THAT(job.listener->samples(), SizeIs(2 * 16000));
}

// A slow reader's clip waits; the clip of another goes on; nothing is lost.
TEST_F(SchedulerTest, ListenerWithoutRoomPausesOnlyItsOwnJob) {
  Start({});
  auto slow = std::make_shared<RecordingListener>();
  slow->LimitRoom(16000);  // what is decoded at a time
  ASSERT_TRUE(scheduler_->Submit(Request(1, 6), slow).ok());
  ASSERT_TRUE(control_->AwaitDecodeCalls(1));
  Submitted other = Submit(Request(2, 6));
  EXPECT_TRUE(other.listener->Await().status.ok());
  EXPECT_THAT(slow->samples(), SizeIs(16000)) << "audio piled up for a reader without room";
  slow->GiveRoom();
  scheduler_->Resume();
  EXPECT_TRUE(slow->Await().status.ok());
  EXPECT_THAT(slow->samples(), SizeIs(6 * 16000));
}

// A pass that fails ends the requests of that pass, and the server lives on.
TEST_F(SchedulerTest, ThrowingPassOnCall11FailsOnlyItsRequests) {
  control_->CloseGate();
  control_->ThrowOnStepCall(11);
  Start({});
  std::vector<Submitted> jobs;
  for (uint64_t seed = 1; seed <= 4; ++seed) jobs.push_back(Submit(Request(seed, 2)));
  control_->OpenGate();
  EXPECT_TRUE(jobs[0].listener->Await().status.ok());
  EXPECT_TRUE(jobs[1].listener->Await().status.ok());
  const absl::Status failed = jobs[2].listener->Await().status;
  EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("told to throw"));
  EXPECT_TRUE(jobs[3].listener->Await().status.ok());
  EXPECT_EQ(control_->created(), control_->destroyed());
}

TEST_F(SchedulerTest, BadLogitsFailOnlyTheirOwnRequestOfABatch) {
  control_->FailSeed(2, absl::InternalError("logits are not finite"));
  Start({.max_batch_rows = 10000});
  std::vector<Submitted> jobs;
  for (uint64_t seed = 1; seed <= 3; ++seed) jobs.push_back(Submit(Request(seed, 2)));
  EXPECT_TRUE(jobs[0].listener->Await().status.ok());
  EXPECT_EQ(jobs[1].listener->Await().status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(jobs[2].listener->Await().status.ok());
}

TEST_F(SchedulerTest, OutOfMemoryHalvesTheBatchAndGoesOn) {
  control_->CloseGate();
  control_->SetMemoryLimit(1);
  Start({.max_batch_rows = 10000});
  Submitted first = Submit(Request(1, 2));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  std::vector<Submitted> jobs;
  for (uint64_t seed = 2; seed <= 4; ++seed) jobs.push_back(Submit(Request(seed, 2)));
  control_->OpenGate();
  EXPECT_TRUE(first.listener->Await().status.ok());
  for (auto& job : jobs) EXPECT_TRUE(job.listener->Await().status.ok());
  const auto batches = control_->batches();
  EXPECT_THAT(batches[1], ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(batches[2], ElementsAre(1, 2));
  EXPECT_THAT(batches[3], ElementsAre(1));
  EXPECT_THAT(batches[4], ElementsAre(2));
  EXPECT_THAT(batches[5], ElementsAre(3, 4));
}

TEST_F(SchedulerTest, OutOfMemoryAloneEndsTheRequest) {
  control_->FailSeed(1, absl::ResourceExhaustedError("out of memory"));
  Start({});
  Submitted job = Submit(Request(1, 2));
  EXPECT_EQ(job.listener->Await().status.code(), absl::StatusCode::kResourceExhausted);
  Submitted next = Submit(Request(2, 2));
  EXPECT_TRUE(next.listener->Await().status.ok());
}

TEST_F(SchedulerTest, LimitsOfAKeyHoldBackOnlyItsOwnRequests) {
  control_->CloseGate();
  Start({.max_batch_rows = 10000});
  const ClientLimits limits{.name = "studio", .max_running = 1, .max_waiting = 1};
  const auto of_studio = [&](uint64_t seed) {
    JobRequest request = Request(seed, 2);
    request.client = limits;
    return request;
  };
  Submitted first = Submit(of_studio(1));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  Submitted second = Submit(of_studio(2));
  const auto third = scheduler_->Submit(of_studio(3), std::make_shared<RecordingListener>());
  EXPECT_EQ(ErrorReason(third.status()), "KEY_QUEUE_FULL");
  Submitted other = Submit(Request(4, 2));
  control_->Permit(1);
  ASSERT_TRUE(control_->AwaitStepCalls(2));
  EXPECT_THAT(control_->batches()[1], ElementsAre(1, 4));
  EXPECT_FALSE(second.listener->started());
  control_->OpenGate();
  for (Submitted* job : {&first, &second, &other}) EXPECT_TRUE(job->listener->Await().status.ok());
}

TEST_F(SchedulerTest, LoadingAndDrainingRefuseAndDrainingFinishesWhatIsThere) {
  control_->CloseGate();
  Start({});
  Submitted job = Submit(Request(1, 2));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  for (auto [state, reason] :
       {std::pair{Readiness::kLoading, "LOADING"}, {Readiness::kDraining, "DRAINING"}}) {
    scheduler_->SetReadiness(state);
    const auto refused = scheduler_->Submit(Request(2, 2), std::make_shared<RecordingListener>());
    EXPECT_EQ(ErrorReason(refused.status()), reason);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_FALSE(scheduler_->WaitUntilIdle(absl::ZeroDuration()));
  control_->OpenGate();
  EXPECT_TRUE(scheduler_->WaitUntilIdle(kHangs));
  EXPECT_TRUE(job.listener->Await().status.ok());
}

TEST_F(SchedulerTest, DestructionEndsEveryJob) {
  control_->CloseGate();
  Start({});
  Submitted running = Submit(Request(1, 2));
  ASSERT_TRUE(control_->AwaitStepCalls(1));
  Submitted queued = Submit(Request(2, 2));
  std::thread destruction([this] { scheduler_.reset(); });
  EXPECT_EQ(queued.listener->Await().status.code(), absl::StatusCode::kUnavailable);
  control_->OpenGate();
  destruction.join();
  EXPECT_EQ(running.listener->Await().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(control_->created(), control_->destroyed());
}

}  // namespace
}  // namespace magnet
