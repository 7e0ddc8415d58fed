#include "client/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "client/output_file.h"

namespace magnet::client {

Interrupt::Handler::Handler(Interrupt* interrupt, std::function<void()> on_raise)
    : interrupt_(interrupt) {
  absl::MutexLock lock(&interrupt_->mutex_);
  id_ = interrupt_->next_id_++;
  if (interrupt_->signal_number_ != 0) on_raise();
  interrupt_->handlers_[id_] = std::move(on_raise);
}

Interrupt::Handler::~Handler() {
  absl::MutexLock lock(&interrupt_->mutex_);
  interrupt_->handlers_.erase(id_);
}

void Interrupt::Raise(int signal_number) {
  absl::MutexLock lock(&mutex_);
  if (signal_number_ != 0) return;
  signal_number_ = signal_number;
  for (auto& [id, on_raise] : handlers_) on_raise();
}

bool Interrupt::raised() const {
  absl::MutexLock lock(&mutex_);
  return signal_number_ != 0;
}

int Interrupt::exit_code() const {
  absl::MutexLock lock(&mutex_);
  return signal_number_ == 0 ? 0 : 128 + signal_number_;
}

bool Interrupt::WaitFor(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  const auto is_raised = [this]()
                             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return signal_number_ != 0; };
  return mutex_.AwaitWithTimeout(absl::Condition(&is_raised), duration);
}

void RaiseOnSignals(Interrupt* interrupt) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  // Blocked here and in every thread started later; one thread waits for them,
  // and may therefore do what a signal handler may not.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([interrupt, signals] {
    int signal_number = 0;
    sigwait(&signals, &signal_number);
    interrupt->Raise(signal_number);
    sigwait(&signals, &signal_number);
    OutputFile::RemovePartialFiles();
    _exit(128 + signal_number);
  }).detach();
}

}  // namespace magnet::client
