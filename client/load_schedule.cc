#include "client/load_schedule.h"

#include <utility>

namespace magnet::client {

LoadSchedule::LoadSchedule(LoadScheduleOptions options)
    : options_(std::move(options)), random_(options_.seed) {}

ScheduledRequest LoadSchedule::Next() {
  const auto draw = [this](size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
  };
  ScheduledRequest next;
  next.request = options_.request;
  next.request.set_prompt(options_.prompts[draw(options_.prompts.size())]);
  next.request.set_seed(options_.seed + index_++);
  if (!options_.seconds.empty()) {
    next.request.set_duration_seconds(options_.seconds[draw(options_.seconds.size())]);
  }
  if (std::uniform_real_distribution<double>(0, 1)(random_) < options_.cancel_fraction) {
    constexpr CancelPoint kPoints[] = {CancelPoint::kWhenSent, CancelPoint::kWhenStarted,
                                       CancelPoint::kAtFirstAudio};
    next.cancel = kPoints[draw(std::size(kPoints))];
  }
  if (options_.rate > 0) {
    arrival_ += absl::Seconds(std::exponential_distribution<double>(options_.rate)(random_));
    next.arrival = arrival_;
  }
  return next;
}

}  // namespace magnet::client
