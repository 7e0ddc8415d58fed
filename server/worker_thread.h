// A thread for what would hold up gRPC's own: decoding the sound files that
// requests bring.
#ifndef MAGNET_SERVER_WORKER_THREAD_H_
#define MAGNET_SERVER_WORKER_THREAD_H_

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace magnet {

// Runs tasks one after the other, in order. Thread-safe.
class WorkerThread {
 public:
  // `max_waiting` > 0: tasks that may wait, beside the one that runs.
  explicit WorkerThread(int max_waiting);

  // Runs what waits, then ends.
  ~WorkerThread();

  // False, and `task` will not run, when too many wait.
  [[nodiscard]] bool TryRun(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  const int max_waiting_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace magnet

#endif  // MAGNET_SERVER_WORKER_THREAD_H_
