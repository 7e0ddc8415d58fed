// The requests of a load run, decided by a seed before anything is measured.
#ifndef MAGNET_CLIENT_LOAD_SCHEDULE_H_
#define MAGNET_CLIENT_LOAD_SCHEDULE_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// When a request is given up on purpose.
enum class CancelPoint { kNever, kWhenSent, kWhenStarted, kAtFirstAudio };

struct LoadScheduleOptions {
  v1::GenerateRequest request;       // what all requests have in common
  std::vector<std::string> prompts;  // not empty; one is drawn for each
  std::vector<double> seconds;       // drawn from; empty: as in `request`
  double rate = 0;                   // requests per second; 0: no arrival times
  double cancel_fraction = 0;        // [0, 1]
  uint64_t seed = 0;                 // of all draws; request i generates with seed + i
};

struct ScheduledRequest {
  v1::GenerateRequest request;
  absl::Duration arrival = absl::ZeroDuration();  // after the start of the run
  CancelPoint cancel = CancelPoint::kNever;
};

// An endless sequence: the same options give the same one. With a rate,
// arrivals are a Poisson process. Not thread-safe.
class LoadSchedule {
 public:
  explicit LoadSchedule(LoadScheduleOptions options);
  ScheduledRequest Next();

 private:
  const LoadScheduleOptions options_;
  std::mt19937_64 random_;
  uint64_t index_ = 0;
  absl::Duration arrival_ = absl::ZeroDuration();
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_LOAD_SCHEDULE_H_
