// Ctrl-C as something that calls and waits can be told of.
#ifndef MAGNET_CLIENT_INTERRUPT_H_
#define MAGNET_CLIENT_INTERRUPT_H_

#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace magnet::client {

// Whether the user wants to stop. Thread-safe. Once raised it stays raised.
class Interrupt {
 public:
  // Runs a function when the interrupt is raised, at once if it already is,
  // for as long as this object lives. After the destructor returns the function
  // neither runs nor will run. The function must not touch the interrupt.
  class Handler {
   public:
    Handler(Interrupt* interrupt, std::function<void()> on_raise);
    ~Handler();
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

   private:
    Interrupt* const interrupt_;
    int id_;
  };

  // `signal_number` decides the exit code. The first call counts.
  void Raise(int signal_number) ABSL_LOCKS_EXCLUDED(mutex_);

  bool raised() const ABSL_LOCKS_EXCLUDED(mutex_);

  // 128 + the signal, or 0 when not raised.
  int exit_code() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits for `duration` or until raised; returns raised().
  bool WaitFor(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  int signal_number_ ABSL_GUARDED_BY(mutex_) = 0;
  int next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int, std::function<void()>> handlers_ ABSL_GUARDED_BY(mutex_);
};

// Turns SIGINT and SIGTERM of this process into Raise() for the rest of its
// life: `interrupt` must live as long. A second signal removes the partial
// files and ends the process at once. Ignores SIGPIPE, so that a closed pipe
// is an error of the write. To be called once, before other threads start.
void RaiseOnSignals(Interrupt* interrupt);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_INTERRUPT_H_
