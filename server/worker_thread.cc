#include "server/worker_thread.h"

#include <utility>

namespace magnet {

WorkerThread::WorkerThread(int max_waiting)
    : max_waiting_(max_waiting), thread_([this] { Run(); }) {}

WorkerThread::~WorkerThread() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

bool WorkerThread::TryRun(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (static_cast<int>(tasks_.size()) >= max_waiting_) return false;
  tasks_.push_back(std::move(task));
  return true;
}

void WorkerThread::Run() {
  for (;;) {
    std::function<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this] {
        mutex_.AssertReaderHeld();
        return stopping_ || !tasks_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace magnet
