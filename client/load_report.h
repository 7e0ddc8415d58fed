// What a load run found.
#ifndef MAGNET_CLIENT_LOAD_REPORT_H_
#define MAGNET_CLIENT_LOAD_REPORT_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/load_run.h"
#include "client/percentile.h"

namespace magnet::client {

// Latencies count requests that ended with OK, in seconds from their arrival.
struct LoadReport {
  int requests = 0;
  int succeeded = 0;
  int cancelled = 0;                  // on purpose
  std::map<std::string, int> errors;  // code name -> how many; neither of the above
  double wall_seconds = 0;
  double audio_seconds = 0;  // made in all
  Distribution first_audio_seconds;
  Distribution total_seconds;
  Distribution queue_seconds;     // as the server reports
  Distribution real_time_factor;  // compute / audio, per clip; under 1 is
                                  // faster than real time

  int failed() const { return requests - succeeded - cancelled; }
};

LoadReport MakeLoadReport(const std::vector<LoadSample>& samples, absl::Duration wall);

// Keys are the names of the fields above; and "requests_per_second",
// "audio_seconds_per_second".
nlohmann::json LoadReportJson(const LoadReport& report);

std::string LoadReportText(const LoadReport& report);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_LOAD_REPORT_H_
