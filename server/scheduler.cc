#include "server/scheduler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "server/guarded_generator.h"
#include "server/scheduler_job.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

// An upper bound of the rows of a job's steps, before it is begun.
int64_t EstimatedRows(const JobRequest& request) {
  const ModelConfig& config = request.generator->config();
  const double frames = request.spec.duration_seconds * config.codec.frame_rate_hz();
  return 2 * static_cast<int64_t>(std::min<double>(frames, config.lm.window_frames));
}

int DecodeFrames(const JobRequest& request, double seconds) {
  const double frames = seconds * request.generator->config().codec.frame_rate_hz();
  return std::max(1, static_cast<int>(std::lround(frames)));
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, const Clock& clock, Metrics& metrics)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      admission_(options.admission),
      row_budget_(options.max_batch_rows),
      thread_([this] { Run(); }) {}

Scheduler::~Scheduler() {
  CancelAll(MakeError(absl::StatusCode::kUnavailable, "SHUT_DOWN", "the server has shut down"));
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

absl::StatusOr<JobId> Scheduler::Submit(JobRequest request, std::shared_ptr<JobListener> listener) {
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->listener = std::move(listener);
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = admission_.Enter(job->request.client); !status.ok()) return status;
  job->id = next_id_++;
  job->ticket = next_ticket_++;
  line_[job->turn()] = job;
  jobs_[job->id] = job;
  metrics_.SetLoad(admission_.running(), admission_.waiting());
  return job->id;
}

void Scheduler::Cancel(JobId id, absl::Status status) {
  JobPtr waiting;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    if (BelongsToModelThread(*found->second)) {
      return SetEnding(*found->second, std::move(status));
    }
    waiting = found->second;
    CountIfGivenUp(*waiting, status);
    RemoveFromLine(*waiting);
  }
  ReportEnd(*waiting, std::move(status));
}

// Whoever ends a job must be the only one: a waiting job that the model thread has found past its
// deadline is already the model thread's.
bool Scheduler::BelongsToModelThread(const Job& job) const { return job.started || job.ending; }

// The first reason to end a job is the one that counts.
void Scheduler::SetEnding(Job& job, absl::Status status) {
  if (job.ending) return;
  CountIfGivenUp(job, status);
  job.ending = std::move(status);
}

void Scheduler::CountIfGivenUp(const Job& job, const absl::Status& status) {
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    metrics_.CountCancellation(job.phase);
  }
}

void Scheduler::CancelAll(const absl::Status& status) {
  std::vector<JobPtr> waiting;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, job] : jobs_) {
      if (BelongsToModelThread(*job)) {
        SetEnding(*job, status);
      } else {
        waiting.push_back(job);
      }
    }
    for (const JobPtr& job : waiting) {
      CountIfGivenUp(*job, status);
      RemoveFromLine(*job);
    }
  }
  for (const JobPtr& job : waiting) ReportEnd(*job, status);
}

// Releasing the mutex makes the model thread look again.
void Scheduler::Resume() { absl::MutexLock lock(&mutex_); }

void Scheduler::SetReadiness(Readiness readiness) {
  absl::MutexLock lock(&mutex_);
  admission_.SetReadiness(readiness);
}

bool Scheduler::WaitUntilIdle(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this] {
    mutex_.AssertHeld();
    return jobs_.empty();
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

void Scheduler::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this] {
        mutex_.AssertHeld();
        return stopping_ || HasWork();
      };
      mutex_.Await(absl::Condition(&ready));
      if (stopping_ && line_.empty()) return;
    }
    EndCancelledJobs();
    if (MoveAudio()) continue;
    const std::vector<JobPtr> batch = FormBatch();
    batch.empty() ? AwaitAudio() : StepBatch(batch);
  }
}

bool Scheduler::HasWork() const {
  return std::any_of(line_.begin(), line_.end(), [this](const auto& entry) {
    mutex_.AssertReaderHeld();
    return entry.second->ending || IsRunnable(*entry.second);
  });
}

bool Scheduler::IsRunnable(const Job& job) const {
  return job.started ? job.listener->HasRoom() : admission_.MayStart(job.request.client);
}

void Scheduler::EndCancelledJobs() {
  std::vector<std::pair<JobPtr, absl::Status>> ended;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = clock_.Now();
    for (const auto& [turn, job] : line_) {
      if (now >= job->request.deadline) {
        SetEnding(*job, MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                                  "the deadline passed before the clip was finished"));
      }
      if (job->ending) ended.emplace_back(job, *job->ending);
    }
  }
  for (auto& [job, status] : ended) EndJob(*job, std::move(status));
}

std::vector<Scheduler::JobPtr> Scheduler::RunnableJobs() {
  absl::MutexLock lock(&mutex_);
  std::vector<JobPtr> jobs;
  for (const auto& [turn, job] : line_) {
    if (!job->ending && IsRunnable(*job)) jobs.push_back(job);
  }
  return jobs;
}

// A chunk of every job: begun where its frames are ready, delivered where it is decoded. False when
// there was nothing to do. Returning after one round lets cancellations in between.
bool Scheduler::MoveAudio() {
  bool moved = false;
  for (const JobPtr& job : RunnableJobs()) {
    if (job->has_frames_to_decode()) {
      moved = true;
      StartChunk(*job);
    }
    if (job->has_audio_ready()) {
      moved = true;
      DeliverChunk(*job);
    }
  }
  return moved;
}

void Scheduler::AwaitAudio() {
  for (const JobPtr& job : RunnableJobs()) {
    if (!job->audio.empty()) return DeliverChunk(*job);
  }
}

void Scheduler::StartChunk(Job& job) {
  const absl::Time before = clock_.Now();
  auto audio = GuardedStartAudio(*job.request.generator, *job.generation,
                                 DecodeFrames(job.request, options_.decode_seconds));
  job.compute += clock_.Now() - before;
  if (!audio.ok()) return EndJob(job, audio.status());
  job.audio.push_back(*std::move(audio));
}

void Scheduler::DeliverChunk(Job& job) {
  const absl::Time before = clock_.Now();
  absl::StatusOr<std::vector<float>> samples = GuardedTake(*job.audio.front());
  job.compute += clock_.Now() - before;
  job.audio.pop_front();
  if (!samples.ok()) return EndJob(job, samples.status());
  if (!samples->empty()) {
    job.phase = JobPhase::kStreaming;
    if (absl::Status status = job.listener->OnAudio(*std::move(samples)); !status.ok()) {
      return EndJob(job, std::move(status));
    }
  }
  if (job.is_complete()) EndJob(job, absl::OkStatus());
}

std::vector<Scheduler::JobPtr> Scheduler::FormBatch() {
  std::vector<JobPtr> batch;
  int64_t rows = 0;
  for (const JobPtr& job : RunnableJobs()) {
    const int64_t budget = row_budget_.rows(job->request.generator->full_step_rows());
    if (job->generation == nullptr) {
      const bool fits = batch.empty() || rows + EstimatedRows(job->request) <= budget;
      if (!fits) break;
      if (!Begin(job)) continue;
    }
    const int64_t job_rows = job->generation->next_step_rows();
    if (job_rows == 0) continue;
    if (!batch.empty() && rows + job_rows > budget) break;
    batch.push_back(job);
    rows += job_rows;
  }
  return batch;
}

// False when the job may not start after all or has ended.
bool Scheduler::Begin(const JobPtr& job) {
  {
    absl::MutexLock lock(&mutex_);
    if (!jobs_.contains(job->id) || !admission_.MayStart(job->request.client)) return false;
    admission_.Start(job->request.client);
    job->started = true;
    job->start = clock_.Now();
    metrics_.SetLoad(admission_.running(), admission_.waiting());
  }
  job->phase = JobPhase::kRunning;
  auto generation = GuardedBegin(*job->request.generator, job->request.spec);
  job->compute += clock_.Now() - job->start;
  if (!generation.ok()) {
    EndJob(*job, generation.status());
    return false;
  }
  job->generation = *std::move(generation);
  const double queue_seconds = absl::ToDoubleSeconds(job->start - job->request.arrival);
  metrics_.ObserveQueueTime(queue_seconds);
  job->listener->OnStarted(
      {job->generation->progress(), job->generation->num_samples(), queue_seconds});
  return true;
}

void Scheduler::StepBatch(const std::vector<JobPtr>& batch) {
  std::map<Generator*, std::vector<JobPtr>> groups;
  for (const JobPtr& job : batch) groups[job->request.generator].push_back(job);
  for (const auto& [generator, group] : groups) StepGroup(group);
}

void Scheduler::StepGroup(const std::vector<JobPtr>& group) {
  std::vector<Generation*> generations;
  std::vector<int> windows;
  int64_t rows = 0;
  for (const JobPtr& job : group) {
    generations.push_back(job->generation.get());
    windows.push_back(job->generation->progress().window);
    rows += job->generation->next_step_rows();
  }
  Generator& generator = *group.front()->request.generator;
  const absl::Time before = clock_.Now();
  const std::vector<absl::Status> statuses = GuardedStep(generator, generations);
  const absl::Duration elapsed = clock_.Now() - before;
  metrics_.ObserveStep(absl::ToDoubleSeconds(elapsed), rows);

  std::vector<JobPtr> out_of_memory;
  for (size_t i = 0; i < group.size(); ++i) {
    group[i]->compute += elapsed;
    if (absl::IsResourceExhausted(statuses[i]) && group.size() > 1) {
      out_of_memory.push_back(group[i]);
    } else {
      AfterStep(group[i], statuses[i], windows[i]);
    }
  }
  if (out_of_memory.empty()) return row_budget_.OnFit();
  row_budget_.OnOutOfMemory(rows);
  RetryInHalves(out_of_memory);
}

void Scheduler::RetryInHalves(const std::vector<JobPtr>& jobs) {
  const auto middle = jobs.begin() + static_cast<std::ptrdiff_t>((jobs.size() + 1) / 2);
  StepGroup({jobs.begin(), middle});
  if (middle != jobs.end()) StepGroup({middle, jobs.end()});
}

void Scheduler::AfterStep(const JobPtr& job, const absl::Status& status, int window_before) {
  if (!status.ok()) return EndJob(*job, status);
  const GenerationProgress progress = job->generation->progress();
  job->listener->OnProgress(progress, absl::ToDoubleSeconds(clock_.Now() - job->start));
  if (progress.done() || progress.window != window_before) {
    metrics_.SetDeviceMemory(job->request.generator->config().name,
                             job->request.generator->memory_bytes());
    GiveUpTurn(*job);
  }
  if (job->is_complete()) EndJob(*job, absl::OkStatus());
}

void Scheduler::GiveUpTurn(Job& job) {
  absl::MutexLock lock(&mutex_);
  auto entry = line_.extract(job.turn());
  job.ticket = next_ticket_++;
  entry.key() = job.turn();
  line_.insert(std::move(entry));
}

void Scheduler::EndJob(Job& job, absl::Status status) {
  if (job.generation != nullptr) {
    job.passes = job.generation->progress().passes;
    job.tempos = job.generation->tempos();
    job.audio.clear();
    job.generation.reset();
  }
  JobPtr keep_alive;
  {
    absl::MutexLock lock(&mutex_);
    keep_alive = jobs_[job.id];
    if (job.ending) status = *job.ending;
    RemoveFromLine(job);
  }
  ReportEnd(job, std::move(status));
}

void Scheduler::RemoveFromLine(Job& job) {
  if (job.started) {
    admission_.Finish(job.request.client, clock_.Now() - job.start);
  } else {
    admission_.LeaveQueue(job.request.client);
  }
  line_.erase(job.turn());
  jobs_.erase(job.id);
  metrics_.SetLoad(admission_.running(), admission_.waiting());
}

void Scheduler::ReportEnd(Job& job, absl::Status status) {
  JobReport report;
  report.status = std::move(status);
  report.phase = job.phase;
  const absl::Time left_queue = job.started ? job.start : clock_.Now();
  report.queue_seconds = absl::ToDoubleSeconds(left_queue - job.request.arrival);
  report.compute_seconds = absl::ToDoubleSeconds(job.compute);
  report.passes = job.passes;
  report.tempos = std::move(job.tempos);
  const std::shared_ptr<JobListener> listener = std::move(job.listener);
  listener->OnFinished(report);
}

}  // namespace magnet
