#include "server/worker_thread.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"

namespace magnet {
namespace {

// If this fails, requests with given audio are lost, reordered or pile up without a limit.
TEST(WorkerThreadTest, RunsInOrderUpToItsLimitAndEndsWithNothingLeft) {
  std::vector<int> done;
  absl::Notification running, go_on;
  auto worker = std::make_unique<WorkerThread>(/*max_waiting=*/2);
  EXPECT_TRUE(worker->TryRun([&] {
    running.Notify();
    go_on.WaitForNotification();
    done.push_back(1);
  }));
  running.WaitForNotification();
  EXPECT_TRUE(worker->TryRun([&] { done.push_back(2); }));
  EXPECT_TRUE(worker->TryRun([&] { done.push_back(3); }));
  EXPECT_FALSE(worker->TryRun([&] { done.push_back(4); }));
  go_on.Notify();
  worker.reset();
  EXPECT_EQ(done, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace magnet
