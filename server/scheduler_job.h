// What a scheduler knows of a job. For scheduler.cc alone.
#ifndef MAGNET_SERVER_SCHEDULER_JOB_H_
#define MAGNET_SERVER_SCHEDULER_JOB_H_

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generator.h"
#include "server/job.h"
#include "server/scheduler.h"

namespace magnet {

struct Scheduler::Job {
  JobId id = 0;
  uint64_t ticket = 0;
  JobRequest request;
  std::shared_ptr<JobListener> listener;
  bool started = false;                // guarded by the scheduler's mutex
  std::optional<absl::Status> ending;  // guarded by the scheduler's mutex

  // Of the model thread once started.
  std::unique_ptr<Generation> generation;
  std::deque<std::unique_ptr<PendingAudio>> audio;  // chunks being decoded, in order
  absl::Time start;
  absl::Duration compute;
  std::atomic<JobPhase> phase = JobPhase::kQueued;  // read by Cancel
  int64_t passes = 0;
  std::vector<TempoChange> tempos;

  Turn turn() const { return {-static_cast<int>(request.priority), ticket}; }

  bool has_frames_to_decode() const {
    return generation != nullptr && generation->progress().has_frames_to_decode();
  }
  bool has_audio_ready() const { return !audio.empty() && audio.front()->ready(); }
  bool is_complete() const {
    return generation->progress().done() && !has_frames_to_decode() && audio.empty();
  }
};

}  // namespace magnet

#endif  // MAGNET_SERVER_SCHEDULER_JOB_H_
