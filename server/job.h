// A request on its way through the scheduler: what is asked, how it goes, how it
// ended.
#ifndef MAGNET_SERVER_JOB_H_
#define MAGNET_SERVER_JOB_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generator.h"
#include "server/admission.h"
#include "server/metrics.h"

namespace magnet {

enum class JobPriority { kLow = 0, kNormal = 1, kHigh = 2 };

struct JobRequest {
  Generator* generator = nullptr;  // must outlive the scheduler
  GenerationSpec spec;
  JobPriority priority = JobPriority::kNormal;
  ClientLimits client;
  absl::Time arrival;
  absl::Time deadline = absl::InfiniteFuture();
};

struct JobStarted {
  GenerationProgress progress;
  int64_t num_samples = 0;  // of the whole clip, at the model's rate
  double queue_seconds = 0;
};

struct JobReport {
  absl::Status status;
  JobPhase phase = JobPhase::kQueued;  // when it ended
  double queue_seconds = 0;
  double compute_seconds = 0;  // passes and decoding it took part in
  int64_t passes = 0;
  std::vector<TempoChange> tempos{};  // as Generation::tempos, of all that was played
};

// Where the results of one job go.
class JobListener {
 public:
  virtual ~JobListener() = default;

  // The job has left the queue.
  virtual void OnStarted(const JobStarted& started) = 0;

  // A step is done. `working_seconds` is the time since OnStarted.
  virtual void OnProgress(const GenerationProgress& progress, double working_seconds) = 0;

  // The next samples, in order. An error ends the job with it.
  virtual absl::Status OnAudio(std::vector<float> samples) = 0;

  // The end, after which nothing else comes. The job's place is free already.
  virtual void OnFinished(const JobReport& report) = 0;

  // Whether more audio is welcome. Any thread, with the scheduler's mutex held:
  // must not block and must not call the scheduler.
  virtual bool HasRoom() const = 0;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_JOB_H_
