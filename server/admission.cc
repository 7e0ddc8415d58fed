#include "server/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

constexpr absl::Duration kRestartDelay = absl::Seconds(2);

}  // namespace

absl::Status Admission::Enter(const ClientLimits& client) {
  if (readiness_ == Readiness::kLoading) {
    return MakeRetryableError(absl::StatusCode::kUnavailable, "LOADING",
                              "the server is loading its models", kRestartDelay);
  }
  if (readiness_ == Readiness::kDraining) {
    return MakeRetryableError(absl::StatusCode::kUnavailable, "DRAINING",
                              "the server is shutting down", kRestartDelay);
  }
  if (waiting_ >= limits_.max_waiting) {
    return MakeRetryableError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                              absl::StrCat("the queue is full: ", waiting_, " requests wait"),
                              RetryDelay());
  }
  const auto counts = clients_.find(client.name);
  if (client.max_waiting > 0 && counts != clients_.end() &&
      counts->second.waiting >= client.max_waiting) {
    return MakeRetryableError(
        absl::StatusCode::kResourceExhausted, "KEY_QUEUE_FULL",
        absl::StrCat("this key has ", client.max_waiting, " requests waiting, its limit"),
        RetryDelay());
  }
  ++waiting_;
  ++clients_[client.name].waiting;
  return absl::OkStatus();
}

bool Admission::MayStart(const ClientLimits& client) const {
  if (running_ >= limits_.max_running) return false;
  const auto counts = clients_.find(client.name);
  return client.max_running == 0 || counts == clients_.end() ||
         counts->second.running < client.max_running;
}

void Admission::Start(const ClientLimits& client) {
  --waiting_;
  ++running_;
  Counts& counts = clients_[client.name];
  --counts.waiting;
  ++counts.running;
}

void Admission::LeaveQueue(const ClientLimits& client) {
  --waiting_;
  --clients_[client.name].waiting;
  Drop(client.name);
}

void Admission::Finish(const ClientLimits& client, absl::Duration work) {
  --running_;
  --clients_[client.name].running;
  Drop(client.name);
  usual_work_ = 0.8 * usual_work_ + 0.2 * work;
}

void Admission::Drop(const std::string& name) {
  const auto counts = clients_.find(name);
  if (counts->second.running == 0 && counts->second.waiting == 0) clients_.erase(counts);
}

absl::Duration Admission::RetryDelay() const {
  return std::clamp(usual_work_, absl::Milliseconds(100), absl::Minutes(1));
}

}  // namespace magnet
