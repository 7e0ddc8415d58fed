// A scheduler of a fake engine, and jobs for it.
#ifndef MAGNET_TESTS_SERVER_SCHEDULER_FIXTURE_H_
#define MAGNET_TESTS_SERVER_SCHEDULER_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "server/scheduler.h"
#include "tests/server/recording_listener.h"
#include "tests/testing/fake_generator.h"

namespace magnet::testing {

inline constexpr int kStepsPerWindow = 5;  // of the fake's defaults

struct Submitted {
  JobId id = 0;
  std::shared_ptr<RecordingListener> listener;
};

class SchedulerTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options) {
    scheduler_.emplace(options, Clock::Real(), metrics_);
    scheduler_->SetReadiness(Readiness::kServing);
  }

  JobRequest Request(uint64_t seed, double seconds) {
    JobRequest request;
    request.generator = generator_.get();
    request.spec.seed = seed;
    request.spec.duration_seconds = seconds;
    request.spec.sampling = generator_->config().sampling;
    request.arrival = absl::Now();
    return request;
  }

  Submitted Submit(JobRequest request) {
    auto listener = std::make_shared<RecordingListener>();
    auto id = scheduler_->Submit(std::move(request), listener);
    EXPECT_TRUE(id.ok()) << id.status();
    return {id.ok() ? *id : 0, listener};
  }

  std::shared_ptr<FakeControl> control_ = std::make_shared<FakeControl>();
  std::unique_ptr<Generator> generator_ = MakeFakeGenerator("fake", control_);
  Metrics metrics_;
  std::optional<Scheduler> scheduler_;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_SERVER_SCHEDULER_FIXTURE_H_
