// What the server counts, for Prometheus.
//
// Every name, help text and bucket is in metrics.cc. Thread-safe: each family's
// values are atomic.
#ifndef MAGNET_SERVER_METRICS_H_
#define MAGNET_SERVER_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace magnet {

// How far a request had come when it was given up.
enum class JobPhase {
  kQueued,     // waiting
  kRunning,    // working, no audio yet
  kStreaming,  // audio has been handed out
};

// What one finished request adds.
struct RequestOutcome {
  std::string model;  // empty: none was chosen
  absl::StatusCode code = absl::StatusCode::kOk;
  double request_seconds = 0;      // arrival to end
  double compute_seconds = 0;      // model passes and decoding it took part in
  double audio_seconds = 0;        // handed out
  double first_audio_seconds = 0;  // arrival to first audio; 0: there was none
};

class Metrics {
 public:
  Metrics();

  void CountRequest(const RequestOutcome& outcome);
  void CountRejection(const std::string& reason);
  void CountCancellation(JobPhase phase);
  void SetLoad(int running, int waiting);
  void ObserveQueueTime(double seconds);
  void ObserveStep(double seconds, int64_t rows);
  void AddBacklog(int64_t bytes);  // negative: sent
  void SetConnections(int open);
  void CountRefusedConnection();
  void SetDeviceMemory(const std::string& model, int64_t bytes);
  void SetModelInfo(const std::string& model, const std::string& device,
                    const std::string& precision);

  // What an HTTP exposer serves; also the tests' way in.
  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

  // The exposition in Prometheus' text format.
  std::string Text() const;

  // How often values have changed, and the wait for the next time: for who needs to
  // know when a value is reached. False when nothing has changed since `seen` and
  // does not before `deadline`.
  int64_t num_changes() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool AwaitChange(int64_t seen, absl::Time deadline) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Change;

  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& rejected_;
  prometheus::Family<prometheus::Counter>& cancelled_;
  prometheus::Family<prometheus::Counter>& audio_seconds_;
  prometheus::Family<prometheus::Gauge>& device_memory_;
  prometheus::Family<prometheus::Gauge>& model_info_;
  prometheus::Gauge& connections_;
  prometheus::Counter& refused_connections_;
  prometheus::Gauge& running_;
  prometheus::Gauge& waiting_;
  prometheus::Gauge& backlog_;
  prometheus::Histogram& queue_seconds_;
  prometheus::Histogram& first_audio_seconds_;
  prometheus::Histogram& request_seconds_;
  prometheus::Histogram& step_seconds_;
  prometheus::Histogram& step_rows_;
  prometheus::Histogram& real_time_factor_;

  mutable absl::Mutex mutex_;
  int64_t num_changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_METRICS_H_
