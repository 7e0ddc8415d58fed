// Runs the requests of one device: a bounded queue, one model thread, and batches
// that are formed anew at every decoding step.
//
// The flow of a job:
//
//   Submit -> waiting -> (its turn) Begin -> OnStarted
//          -> steps, in batches with others -> OnProgress
//          -> decoded audio, chunk by chunk -> OnAudio
//          -> OnFinished, exactly once, last
//
// Order. Jobs stand in one line: by priority, then by ticket. A ticket is drawn
// on arrival and again after every finished window, so a long clip lets those
// behind it pass. Each step takes jobs from the front of the line until
// `max_batch_rows` token rows are together; 0 means what the device likes: one job
// per step on a CPU, where merging rows gains nothing. A job that waits is begun
// when the walk reaches it and there is room. Frames that are ready are decoded
// about a second at a time: on a CPU before the next step, on a GPU beside the steps that
// follow, and delivered between them.
//
// Back-pressure. While a listener has no room, its job is neither stepped nor
// decoded; the others go on. The listener calls Resume when it has room again.
//
// Failures. Errors of a pass end the jobs they name. Out of memory splits the
// batch in halves, down to single jobs, before it ends any; after that, batches
// stay under the size that fitted, and grow again after many clean steps.
//
// Threads. Submit, Cancel, Resume and the rest may be called from any thread and
// hold a mutex for moments only, never during a model pass. Listeners are called
// without that mutex, on the model thread, except that OnFinished of a job that
// was still waiting comes on the thread that cancelled it.
#ifndef MAGNET_SERVER_SCHEDULER_H_
#define MAGNET_SERVER_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "model/generator.h"
#include "server/admission.h"
#include "server/clock.h"
#include "server/job.h"
#include "server/metrics.h"
#include "server/row_budget.h"

namespace magnet {

struct SchedulerOptions {
  AdmissionLimits admission = {};
  // Token rows per step. More rows use a GPU better until it is full; beyond
  // that they only delay everyone. 0: Generator::full_step_rows of the model.
  int64_t max_batch_rows = 0;
  // Audio decoded at a time. A codec decodes a second for half of what four
  // quarters cost, and first audio waits for it; the same for every request, so
  // that a clip's samples do not depend on how its client wants them cut.
  double decode_seconds = 1.0;
};

using JobId = uint64_t;

class Scheduler {
 public:
  // Starts the model thread. `clock` and `metrics` must outlive the scheduler.
  Scheduler(const SchedulerOptions& options, const Clock& clock, Metrics& metrics);

  // Ends all jobs with UNAVAILABLE at their next step boundary, then the thread.
  ~Scheduler();

  // Puts a job in the line, or refuses it as Admission::Enter does; then the
  // listener is never called.
  absl::StatusOr<JobId> Submit(JobRequest request, std::shared_ptr<JobListener> listener)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends a job with `status`: at once while it waits, else at the next step or
  // chunk boundary. No effect on a job that has ended.
  void Cancel(JobId id, absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  // Cancels all.
  void CancelAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // A listener has room again.
  void Resume() ABSL_LOCKS_EXCLUDED(mutex_);

  // Loading (the state after construction) and draining refuse new jobs.
  void SetReadiness(Readiness readiness) ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until no job is left, but not beyond `timeout`. True when none is.
  bool WaitUntilIdle(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using Turn = std::pair<int, uint64_t>;  // falling priority, ticket

  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsRunnable(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool BelongsToModelThread(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetEnding(Job& job, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountIfGivenUp(const Job& job, const absl::Status& status);
  void EndCancelledJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<JobPtr> RunnableJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  bool MoveAudio() ABSL_LOCKS_EXCLUDED(mutex_);
  void AwaitAudio() ABSL_LOCKS_EXCLUDED(mutex_);
  void StartChunk(Job& job);
  void DeliverChunk(Job& job);
  std::vector<JobPtr> FormBatch() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Begin(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void StepBatch(const std::vector<JobPtr>& batch);
  void StepGroup(const std::vector<JobPtr>& group);
  void RetryInHalves(const std::vector<JobPtr>& jobs);
  void AfterStep(const JobPtr& job, const absl::Status& status, int window_before);
  void GiveUpTurn(Job& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndJob(Job& job, absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveFromLine(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReportEnd(Job& job, absl::Status status);

  const SchedulerOptions options_;
  const Clock& clock_;
  Metrics& metrics_;

  absl::Mutex mutex_;
  Admission admission_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 1;
  JobId next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<Turn, JobPtr> line_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<JobId, JobPtr> jobs_ ABSL_GUARDED_BY(mutex_);

  RowBudget row_budget_;  // of the model thread

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace magnet

#endif  // MAGNET_SERVER_SCHEDULER_H_
