// When a failed call is worth another try, and how long to wait for it.
#ifndef MAGNET_CLIENT_RETRY_POLICY_H_
#define MAGNET_CLIENT_RETRY_POLICY_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <random>

#include "absl/time/time.h"

namespace magnet::client {

// Time, so that tests need not wait.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Waits; true when interrupted before the time was over.
  virtual bool Sleep(absl::Duration duration) = 0;
};

// How one try of a call ended.
struct Attempt {
  grpc::Status status;
  // Whether a message had arrived: then the try has had an effect, and another
  // one would not be the same call.
  bool message_received = false;
  // What the server said about the next try: grpc-retry-pushback-ms, or else
  // RetryInfo. Negative: do not try again.
  std::optional<absl::Duration> server_delay;
};

struct RetryOptions {
  int max_retries = 4;  // tries beyond the first; 0: none
  absl::Duration first_delay = absl::Milliseconds(500);
  double multiplier = 2;
  absl::Duration max_delay = absl::Seconds(15);
  // Most waiting over all retries of a call.
  absl::Duration max_total_delay = absl::Seconds(120);
  // Share of the delay that is drawn at random and added, [0, 1]: clients that
  // were turned down together do not come back together.
  double jitter = 0.2;
};

// Decides retries of one call. Not thread-safe.
class RetryPolicy {
 public:
  // `seed`: of the jitter.
  RetryPolicy(RetryOptions options, uint64_t seed) : options_(options), random_(seed) {}

  // How long to wait before another try, or nothing when there should be none:
  // the code is neither RESOURCE_EXHAUSTED nor UNAVAILABLE, a message had
  // arrived, the server forbids it, or the bounds are used up. The server's
  // delay is never undercut.
  std::optional<absl::Duration> NextDelay(const Attempt& attempt);

  int retries() const { return retries_; }

 private:
  const RetryOptions options_;
  std::mt19937_64 random_;
  int retries_ = 0;
  absl::Duration total_delay_ = absl::ZeroDuration();
};

// Runs `try_once` until it succeeds, `policy` gives up or `clock` is
// interrupted, and returns the last try. `before_wait` hears of every failed
// try that will be repeated, with the wait that follows; it may be null.
Attempt RunWithRetries(RetryPolicy* policy, Clock* clock, const std::function<Attempt()>& try_once,
                       const std::function<void(const Attempt&, absl::Duration)>& before_wait);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_RETRY_POLICY_H_
