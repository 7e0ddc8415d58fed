// If these fail, the client hammers a full server, gives up too early, or runs
// a call twice that has had an effect.
#include "client/retry_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/client/fake_clock.h"

namespace magnet::client {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;

Attempt Failed(StatusCode code, std::optional<absl::Duration> server_delay = std::nullopt) {
  Attempt attempt;
  attempt.status = grpc::Status(code, "no");
  attempt.server_delay = server_delay;
  return attempt;
}

RetryOptions Exact() {
  RetryOptions options;
  options.jitter = 0;
  return options;
}

// A channel whose calls end as scripted, and with OK after that.
struct FakeChannel {
  std::deque<Attempt> script;
  int calls = 0;

  Attempt Call() {
    ++calls;
    if (script.empty()) return Attempt();
    const Attempt next = script.front();
    script.pop_front();
    return next;
  }
};

Attempt RunScript(RetryOptions options, FakeChannel* channel, FakeClock* clock) {
  RetryPolicy policy(options, /*seed=*/1);
  return RunWithRetries(
      &policy, clock, [channel] { return channel->Call(); }, nullptr);
}

TEST(RunWithRetries, BacksOffExponentiallyUntilItSucceeds) {
  FakeClock clock;
  FakeChannel channel{{Failed(StatusCode::UNAVAILABLE), Failed(StatusCode::RESOURCE_EXHAUSTED),
                       Failed(StatusCode::UNAVAILABLE)}};
  EXPECT_TRUE(RunScript(Exact(), &channel, &clock).status.ok());
  EXPECT_EQ(channel.calls, 4);
  EXPECT_THAT(clock.sleeps,
              ElementsAre(absl::Milliseconds(500), absl::Seconds(1), absl::Seconds(2)));
}

TEST(RunWithRetries, WaitsAsLongAsTheServerAsks) {
  FakeClock clock;
  FakeChannel channel{{Failed(StatusCode::RESOURCE_EXHAUSTED, absl::Seconds(7)),
                       Failed(StatusCode::RESOURCE_EXHAUSTED, absl::Milliseconds(3))}};
  EXPECT_TRUE(RunScript(Exact(), &channel, &clock).status.ok());
  EXPECT_THAT(clock.sleeps, ElementsAre(absl::Seconds(7), absl::Milliseconds(3)));
}

TEST(RunWithRetries, DoesNotRepeatOtherErrors) {
  for (const StatusCode code :
       {StatusCode::INVALID_ARGUMENT, StatusCode::INTERNAL, StatusCode::DEADLINE_EXCEEDED,
        StatusCode::CANCELLED, StatusCode::UNAUTHENTICATED, StatusCode::DATA_LOSS}) {
    FakeClock clock;
    FakeChannel channel{{Failed(code)}};
    EXPECT_EQ(RunScript(Exact(), &channel, &clock).status.error_code(), code);
    EXPECT_EQ(channel.calls, 1) << code;
  }
}

TEST(RunWithRetries, DoesNotRepeatAfterTheFirstMessage) {
  FakeClock clock;
  Attempt attempt = Failed(StatusCode::UNAVAILABLE);
  attempt.message_received = true;
  FakeChannel channel{{attempt}};
  EXPECT_FALSE(RunScript(Exact(), &channel, &clock).status.ok());
  EXPECT_EQ(channel.calls, 1);
}

TEST(RunWithRetries, ObeysAServerThatForbidsIt) {
  FakeClock clock;
  FakeChannel channel{{Failed(StatusCode::RESOURCE_EXHAUSTED, absl::Milliseconds(-1))}};
  EXPECT_FALSE(RunScript(Exact(), &channel, &clock).status.ok());
  EXPECT_EQ(channel.calls, 1);
}

TEST(RunWithRetries, StopsAtTheLargestNumberOfTries) {
  FakeClock clock;
  RetryOptions options = Exact();
  options.max_retries = 2;
  FakeChannel channel{std::deque<Attempt>(9, Failed(StatusCode::UNAVAILABLE))};
  EXPECT_FALSE(RunScript(options, &channel, &clock).status.ok());
  EXPECT_EQ(channel.calls, 3);
}

TEST(RunWithRetries, StopsWhenTheWaitingWouldBeTooLong) {
  FakeClock clock;
  RetryOptions options = Exact();
  options.max_total_delay = absl::Seconds(10);
  FakeChannel channel{{Failed(StatusCode::UNAVAILABLE, absl::Seconds(6)),
                       Failed(StatusCode::UNAVAILABLE, absl::Seconds(6))}};
  EXPECT_FALSE(RunScript(options, &channel, &clock).status.ok());
  EXPECT_THAT(clock.sleeps, ElementsAre(absl::Seconds(6)));
}

TEST(RunWithRetries, StopsWhenInterrupted) {
  FakeClock clock;
  clock.on_sleep = [] { return true; };
  FakeChannel channel{{Failed(StatusCode::UNAVAILABLE)}};
  EXPECT_FALSE(RunScript(Exact(), &channel, &clock).status.ok());
  EXPECT_EQ(channel.calls, 1);
}

TEST(RetryPolicy, JitterOnlyLengthensAndDiffersBySeed) {
  RetryPolicy first(RetryOptions(), /*seed=*/1);
  RetryPolicy second(RetryOptions(), /*seed=*/2);
  const Attempt attempt = Failed(StatusCode::RESOURCE_EXHAUSTED, absl::Seconds(10));
  const absl::Duration a = *first.NextDelay(attempt);
  EXPECT_GE(a, absl::Seconds(10)) << "the server's delay is undercut";
  EXPECT_LE(a, absl::Seconds(12));
  EXPECT_NE(a, *second.NextDelay(attempt));
}

}  // namespace
}  // namespace magnet::client
