// A clock that tests move: sleeping takes no time.
#ifndef MAGNET_TESTS_CLIENT_FAKE_CLOCK_H_
#define MAGNET_TESTS_CLIENT_FAKE_CLOCK_H_

#include <functional>
#include <vector>

#include "absl/time/clock.h"
#include "client/retry_policy.h"

namespace magnet::client {

// Starts at the real time, because gRPC compares deadlines with that. For one
// thread.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  bool Sleep(absl::Duration duration) override {
    now_ += duration;
    sleeps.push_back(duration);
    return on_sleep ? on_sleep() : false;
  }

  std::vector<absl::Duration> sleeps;
  std::function<bool()> on_sleep;  // returns whether it interrupts

 private:
  absl::Time now_ = absl::Now();
};

}  // namespace magnet::client

#endif  // MAGNET_TESTS_CLIENT_FAKE_CLOCK_H_
