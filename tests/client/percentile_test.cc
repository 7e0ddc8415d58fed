// If these fail, figures of load runs are wrong or cannot be repeated.
#include "client/percentile.h"

#include <gtest/gtest.h>

#include "client/load_report.h"
#include "client/load_schedule.h"

namespace magnet::client {
namespace {

TEST(Percentile, IsTheNearestRank) {
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(Percentile(hundred, 50), 50);
  EXPECT_EQ(Percentile(hundred, 90), 90);
  EXPECT_EQ(Percentile(hundred, 99), 99);
  EXPECT_EQ(Percentile(hundred, 100), 100);
  EXPECT_EQ(Percentile({7}, 1), 7);
  EXPECT_EQ(Percentile({1, 2, 3}, 50), 2);
  EXPECT_EQ(Percentile({1, 2, 3, 4}, 50), 2);
  EXPECT_EQ(Percentile({1, 2, 3, 4}, 50.1), 3);
}

TEST(Describe, SortsAndAverages) {
  const Distribution described = Describe({3, 1, 2, 10});
  EXPECT_EQ(described.count, 4);
  EXPECT_EQ(described.mean, 4);
  EXPECT_EQ(described.p50, 2);
  EXPECT_EQ(described.p99, 10);
  EXPECT_EQ(described.max, 10);
  EXPECT_EQ(Describe({}).count, 0);
}

LoadSample Sample(grpc::StatusCode code, double total) {
  LoadSample sample;
  sample.code = code;
  sample.total = absl::Seconds(total);
  sample.first_audio = absl::Seconds(total / 2);
  sample.audio_seconds = code == grpc::StatusCode::OK ? 10 : 0;
  sample.compute_seconds = 5;
  return sample;
}

TEST(LoadReport, CountsEveryRequestOnce) {
  LoadSample cancelled = Sample(grpc::StatusCode::CANCELLED, 1);
  cancelled.cancelled_on_purpose = true;
  const LoadReport report = MakeLoadReport(
      {Sample(grpc::StatusCode::OK, 2), Sample(grpc::StatusCode::OK, 4), cancelled,
       Sample(grpc::StatusCode::CANCELLED, 9), Sample(grpc::StatusCode::RESOURCE_EXHAUSTED, 9)},
      absl::Seconds(10));
  EXPECT_EQ(report.requests, 5);
  EXPECT_EQ(report.succeeded, 2);
  EXPECT_EQ(report.cancelled, 1);
  EXPECT_EQ(report.failed(), 2);
  EXPECT_EQ(report.errors.at("CANCELLED"), 1);
  EXPECT_EQ(report.errors.at("RESOURCE_EXHAUSTED"), 1);
  EXPECT_EQ(report.total_seconds.max, 4) << "failed requests must not count as fast or slow ones";
  EXPECT_EQ(report.first_audio_seconds.p50, 1);
  EXPECT_EQ(report.real_time_factor.p50, 0.5);
  EXPECT_EQ(LoadReportJson(report)["audio_seconds_per_second"], 2.0);
}

LoadScheduleOptions ScheduleOptions() {
  LoadScheduleOptions options;
  options.prompts = {"a", "b", "c"};
  options.seconds = {2, 5};
  options.rate = 4;
  options.cancel_fraction = 0.25;
  options.seed = 11;
  return options;
}

TEST(LoadSchedule, TheSameSeedGivesTheSameRun) {
  LoadSchedule first(ScheduleOptions());
  LoadSchedule second(ScheduleOptions());
  for (int i = 0; i < 200; ++i) {
    const ScheduledRequest a = first.Next();
    const ScheduledRequest b = second.Next();
    EXPECT_EQ(a.request.SerializeAsString(), b.request.SerializeAsString());
    EXPECT_EQ(a.arrival, b.arrival);
    EXPECT_EQ(a.cancel, b.cancel);
    EXPECT_EQ(a.request.seed(), 11u + i);
  }
}

// Bounds are five standard deviations of 20,000 draws: a wrong rate or share
// falls out, the fixed seed does not.
TEST(LoadSchedule, HasTheRateAndShareAskedFor) {
  constexpr int kDraws = 20'000;
  LoadSchedule schedule(ScheduleOptions());
  int cancelled = 0;
  int long_gaps = 0;
  absl::Duration last = absl::ZeroDuration();
  for (int i = 0; i < kDraws; ++i) {
    const ScheduledRequest next = schedule.Next();
    cancelled += next.cancel != CancelPoint::kNever;
    long_gaps += next.arrival - last > absl::Seconds(0.25);
    last = next.arrival;
  }
  EXPECT_NEAR(absl::ToDoubleSeconds(last) / kDraws, 0.25, 5 * 0.25 / std::sqrt(kDraws));
  EXPECT_NEAR(cancelled, kDraws * 0.25, 5 * std::sqrt(kDraws * 0.25 * 0.75));
  // Of exponential gaps, 1/e are longer than the mean; of even ones, none.
  EXPECT_NEAR(long_gaps, kDraws * std::exp(-1.), 5 * std::sqrt(kDraws * 0.37 * 0.63));
}

TEST(LoadSchedule, NeverCancelsUnlessAsked) {
  LoadScheduleOptions options = ScheduleOptions();
  options.cancel_fraction = 0;
  LoadSchedule schedule(options);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(schedule.Next().cancel, CancelPoint::kNever);
}

}  // namespace
}  // namespace magnet::client
