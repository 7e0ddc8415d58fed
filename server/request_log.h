// One JSON line per request, at its end.
#ifndef MAGNET_SERVER_REQUEST_LOG_H_
#define MAGNET_SERVER_REQUEST_LOG_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace magnet {

struct RequestRecord {
  absl::Time end;
  std::string request_id;
  std::string traceparent;  // empty: none was given
  std::string peer;
  std::string key;    // name of the API key; empty: none
  std::string model;  // empty: none was chosen
  absl::Status status;
  uint64_t seed = 0;
  double request_seconds = 0;
  double queue_seconds = 0;
  double compute_seconds = 0;
  double first_audio_seconds = 0;
  double audio_seconds = 0;
  int64_t passes = 0;
  int64_t size_bytes = 0;
  std::string prompt;
};

// Thread-safe; lines are never mixed. Lines that cannot be written, as when a disk is
// full, are lost; the next one that can is preceded by their number.
class RequestLog {
 public:
  // `out` must outlive the log. Prompts are personal: they are written only when
  // `with_prompts`.
  RequestLog(std::ostream& out, bool with_prompts) : out_(out), with_prompts_(with_prompts) {}

  void Write(const RequestRecord& record) ABSL_LOCKS_EXCLUDED(mutex_);

  // A line about the server itself.
  void Event(absl::Time time, const std::string& message) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void WriteLine(const std::string& line) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  std::ostream& out_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_lines_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last that was written
  const bool with_prompts_;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_REQUEST_LOG_H_
