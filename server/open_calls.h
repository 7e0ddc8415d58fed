// How many Generate calls are not over: what a shutdown waits for.
#ifndef MAGNET_SERVER_OPEN_CALLS_H_
#define MAGNET_SERVER_OPEN_CALLS_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace magnet {

// A call is open until the transport has taken its status, which comes after all
// of its audio. Thread-safe.
class OpenCalls {
 public:
  void Enter() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }

  void Leave() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }

  // Waits until none is open, but not beyond `timeout`. True when none is.
  bool AwaitNone(absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    const auto none = [this] {
      mutex_.AssertReaderHeld();
      return count_ == 0;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&none), timeout);
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_OPEN_CALLS_H_
