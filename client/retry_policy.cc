#include "client/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace magnet::client {

std::optional<absl::Duration> RetryPolicy::NextDelay(const Attempt& attempt) {
  const grpc::StatusCode code = attempt.status.error_code();
  const bool retryable =
      code == grpc::StatusCode::RESOURCE_EXHAUSTED || code == grpc::StatusCode::UNAVAILABLE;
  const absl::Duration server_delay = attempt.server_delay.value_or(absl::ZeroDuration());
  if (!retryable || attempt.message_received || server_delay < absl::ZeroDuration() ||
      retries_ >= options_.max_retries) {
    return std::nullopt;
  }
  const absl::Duration own_delay =
      std::min(options_.max_delay,
               options_.first_delay * std::pow(options_.multiplier, static_cast<double>(retries_)));
  const absl::Duration delay =
      (attempt.server_delay ? server_delay : own_delay) *
      (1 + std::uniform_real_distribution<double>(0, options_.jitter)(random_));
  if (total_delay_ + delay > options_.max_total_delay) return std::nullopt;
  ++retries_;
  total_delay_ += delay;
  return delay;
}

Attempt RunWithRetries(RetryPolicy* policy, Clock* clock, const std::function<Attempt()>& try_once,
                       const std::function<void(const Attempt&, absl::Duration)>& before_wait) {
  while (true) {
    Attempt attempt = try_once();
    if (attempt.status.ok()) return attempt;
    const std::optional<absl::Duration> delay = policy->NextDelay(attempt);
    if (!delay) return attempt;
    if (before_wait) before_wait(attempt, *delay);
    if (clock->Sleep(*delay)) return attempt;
  }
}

}  // namespace magnet::client
