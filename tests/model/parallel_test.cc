// Loops over threads. If this fails, kernels and sampling run on one core of many, or leave
// rows out.
#include "model/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace magnet {
namespace {

class Parallel : public ::testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(2); }
  void TearDown() override { at::set_num_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};

TEST_F(Parallel, EveryIndexIsVisitedOnce) {
  for (const int64_t count : {0, 1, 15, 16, 17, 100}) {
    std::vector<std::atomic<int>> visits(count);
    ParallelFor(count, /*grain=*/16, [&](int64_t begin, int64_t end) {
      EXPECT_LE(end - begin, 16);
      for (int64_t i = begin; i < end; ++i) ++visits[i];
    });
    for (const auto& times : visits) EXPECT_EQ(times, 1);
  }
}

// at::parallel_for is a plain loop in files without OpenMP, which nothing else would tell.
TEST_F(Parallel, TasksRunSideBySide) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer cannot see the barriers of this OpenMP run time";
#endif
  absl::Notification begun[2];
  std::atomic<int> met = 0;
  RunTasks(2, [&](int64_t i) {
    begun[i].Notify();
    met += begun[1 - i].WaitForNotificationWithTimeout(absl::Seconds(60)) ? 1 : 0;
  });
  EXPECT_EQ(met, 2);
}

TEST_F(Parallel, InsideATaskALoopIsPlain) {
  std::atomic<int> calls = 0;
  RunTasks(2, [&](int64_t) { RunTasks(3, [&](int64_t) { ++calls; }); });
  EXPECT_EQ(calls, 6);
}

}  // namespace
}  // namespace magnet
