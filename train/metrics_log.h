// metrics.jsonl: one line of JSON per step, for people and for plot.py.
#ifndef MAGNET_TRAIN_METRICS_LOG_H_
#define MAGNET_TRAIN_METRICS_LOG_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace magnet {

using Metrics = std::map<std::string, double>;

class MetricsLog {
 public:
  // Opens `path` for appending. Lines of steps after `last_step` (those that a
  // killed run did and that will be done again) and an unfinished last line are
  // cut off first, atomically.
  static absl::StatusOr<MetricsLog> Open(const std::string& path, int64_t last_step);

  // Appends {"step": step, "<name>": value, ...} and flushes. Values are written
  // so that they read back to the bit; those that are not finite as null.
  absl::Status Write(int64_t step, const Metrics& metrics);

 private:
  MetricsLog(std::string path, std::ofstream file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  std::ofstream file_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_METRICS_LOG_H_
