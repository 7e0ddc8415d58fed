#include "server/metrics.h"

#include <prometheus/text_serializer.h>

#include "absl/time/clock.h"
#include "server/status_conversion.h"
#include "server/version.h"

namespace magnet {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// Where the edges come from (bench/engine_bench.cc and bench/server_overhead.py; two
// cores with AVX2, float32, busy with other work): a guided step of the released
// small size takes 6.2 s in the first stage, 5.3 s in later ones and 1.7 s when one
// span is left, so that a default request takes three to five minutes, 20 to 30
// times real time; a step of the tests' tiny model takes 20 to 40 ms and a request
// 8 s. Accelerators lie between, or below. Edges are never further apart than a
// factor of two and a half, and closer where the figures lie.
const Buckets kStepSeconds = {0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.35,
                              0.5,   0.75,  1,    1.5,  2,     3,    4.5,   6,   8,   12};
const Buckets kRequestSeconds = {0.1, 0.25, 0.5, 1,  2,   3,   5,   7.5, 10,  15,
                                 20,  30,   45,  60, 120, 180, 240, 300, 600, 1800};
const Buckets kQueueSeconds = {0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1,   2.5,
                               5,     10,   30,   60,  120,  300, 600, 1800};
// A guided pass over a window of 10 s at 50 frames per second is 1000 rows.
const Buckets kStepRows = {128, 256, 512, 1000, 2000, 3000, 4000, 6000, 8000, 12000, 16000};
const Buckets kRealTimeFactor = {0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1,
                                 1.5,  2,    3,   5,    10,  15,  20,  30,   50};

template <typename Builder>
auto& Register(Builder builder, const char* name, const char* help,
               prometheus::Registry& registry) {
  return builder.Name(name).Help(help).Register(registry);
}

prometheus::Histogram& RegisterHistogram(const char* name, const char* help, const Buckets& buckets,
                                         prometheus::Registry& registry) {
  return Register(prometheus::BuildHistogram(), name, help, registry).Add({}, buckets);
}

const char* PhaseName(JobPhase phase) {
  switch (phase) {
    case JobPhase::kQueued:
      return "queued";
    case JobPhase::kRunning:
      return "running";
    case JobPhase::kStreaming:
      return "streaming";
  }
  return "";
}

}  // namespace

// Made first in a method that changes values, and counted at its end.
class Metrics::Change {
 public:
  explicit Change(Metrics& metrics) : metrics_(metrics) {}
  ~Change() {
    absl::MutexLock lock(&metrics_.mutex_);
    ++metrics_.num_changes_;
  }

 private:
  Metrics& metrics_;
};

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      requests_(Register(prometheus::BuildCounter(), "magnet_requests_total",
                         "Generate calls that have ended, by model and status code.", *registry_)),
      rejected_(Register(prometheus::BuildCounter(), "magnet_rejected_total",
                         "Generate calls refused before any work, by reason.", *registry_)),
      cancelled_(Register(prometheus::BuildCounter(), "magnet_cancelled_total",
                          "Accepted requests given up by their client or deadline, by how far "
                          "they had come: queued, running, or streaming audio.",
                          *registry_)),
      audio_seconds_(Register(prometheus::BuildCounter(), "magnet_audio_seconds_total",
                              "Seconds of audio handed out, by model.", *registry_)),
      device_memory_(Register(prometheus::BuildGauge(), "magnet_device_memory_bytes",
                              "Memory that a model's weights hold, by model.", *registry_)),
      model_info_(Register(prometheus::BuildGauge(), "magnet_model_info",
                           "Always 1: the device and the precision that a model computes in.",
                           *registry_)),
      connections_(Register(prometheus::BuildGauge(), "magnet_connections",
                            "Open connections of the gRPC service.", *registry_)
                       .Add({})),
      refused_connections_(Register(prometheus::BuildCounter(), "magnet_connections_refused_total",
                                    "Connections closed at once because too many were open.",
                                    *registry_)
                               .Add({})),
      running_(Register(prometheus::BuildGauge(), "magnet_requests_running",
                        "Requests that have left the queue and have not ended.", *registry_)
                   .Add({})),
      waiting_(Register(prometheus::BuildGauge(), "magnet_requests_waiting",
                        "Accepted requests in the queue.", *registry_)
                   .Add({})),
      backlog_(Register(prometheus::BuildGauge(), "magnet_stream_backlog_bytes",
                        "Encoded bytes that streams hold and have not handed to the transport.",
                        *registry_)
                   .Add({})),
      queue_seconds_(RegisterHistogram("magnet_queue_seconds",
                                       "Time from arrival to the start of the work, in seconds.",
                                       kQueueSeconds, *registry_)),
      first_audio_seconds_(RegisterHistogram(
          "magnet_time_to_first_audio_seconds",
          "Time from arrival to the first audio handed to the transport, in seconds.",
          kRequestSeconds, *registry_)),
      request_seconds_(
          RegisterHistogram("magnet_request_seconds",
                            "Time from arrival to the end of a successful request, in seconds.",
                            kRequestSeconds, *registry_)),
      step_seconds_(RegisterHistogram("magnet_step_seconds",
                                      "Time of one decoding step of a batch, in seconds.",
                                      kStepSeconds, *registry_)),
      step_rows_(RegisterHistogram("magnet_step_rows",
                                   "Token rows that one decoding step put through the model.",
                                   kStepRows, *registry_)),
      real_time_factor_(RegisterHistogram(
          "magnet_real_time_factor",
          "Compute time by audio time of a successful request: under 1 is faster than real time.",
          kRealTimeFactor, *registry_)) {
  Register(prometheus::BuildGauge(), "magnet_build_info",
           "Always 1; the labels say what was built.", *registry_)
      .Add({{"version", kVersion}, {"compiler", kCompiler}})
      .Set(1);
  Register(prometheus::BuildGauge(), "process_start_time_seconds",
           "Start of the process, in seconds since 1970: it changes with every restart.",
           *registry_)
      .Add({})
      .Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  SetLoad(/*running=*/0, /*waiting=*/0);
}

void Metrics::CountRequest(const RequestOutcome& outcome) {
  const Change change(*this);
  const std::string model = outcome.model.empty() ? "none" : outcome.model;
  requests_.Add({{"model", model}, {"code", CodeName(outcome.code)}}).Increment();
  if (outcome.audio_seconds > 0) {
    audio_seconds_.Add({{"model", model}}).Increment(outcome.audio_seconds);
  }
  if (outcome.first_audio_seconds > 0) first_audio_seconds_.Observe(outcome.first_audio_seconds);
  if (outcome.code != absl::StatusCode::kOk) return;
  request_seconds_.Observe(outcome.request_seconds);
  if (outcome.audio_seconds > 0) {
    real_time_factor_.Observe(outcome.compute_seconds / outcome.audio_seconds);
  }
}

void Metrics::CountRejection(const std::string& reason) {
  const Change change(*this);
  rejected_.Add({{"reason", reason}}).Increment();
}

void Metrics::CountCancellation(JobPhase phase) {
  const Change change(*this);
  cancelled_.Add({{"phase", PhaseName(phase)}}).Increment();
}

void Metrics::SetLoad(int running, int waiting) {
  const Change change(*this);
  running_.Set(running);
  waiting_.Set(waiting);
}

void Metrics::ObserveQueueTime(double seconds) {
  const Change change(*this);
  queue_seconds_.Observe(seconds);
}

void Metrics::ObserveStep(double seconds, int64_t rows) {
  const Change change(*this);
  step_seconds_.Observe(seconds);
  step_rows_.Observe(static_cast<double>(rows));
}

void Metrics::SetConnections(int open) {
  const Change change(*this);
  connections_.Set(open);
}

void Metrics::CountRefusedConnection() {
  const Change change(*this);
  refused_connections_.Increment();
}

void Metrics::AddBacklog(int64_t bytes) {
  const Change change(*this);
  backlog_.Increment(static_cast<double>(bytes));
}

void Metrics::SetDeviceMemory(const std::string& model, int64_t bytes) {
  const Change change(*this);
  device_memory_.Add({{"model", model}}).Set(static_cast<double>(bytes));
}

void Metrics::SetModelInfo(const std::string& model, const std::string& device,
                           const std::string& precision) {
  const Change change(*this);
  model_info_.Add({{"model", model}, {"device", device}, {"precision", precision}}).Set(1);
}

int64_t Metrics::num_changes() const {
  absl::MutexLock lock(&mutex_);
  return num_changes_;
}

bool Metrics::AwaitChange(int64_t seen, absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  const auto changed = [this, seen] {
    mutex_.AssertReaderHeld();
    return num_changes_ != seen;
  };
  return mutex_.AwaitWithDeadline(absl::Condition(&changed), deadline);
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace magnet
