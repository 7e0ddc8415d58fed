#include "client/load_run.h"

#include <algorithm>
#include <utility>

#include "client/call_error.h"
#include "client/clip_receiver.h"

namespace magnet::client {

// One call. Destroyed on Run()'s thread: a context holds the channel, and gRPC
// must not lose its last reference on one of its own threads, which would then
// wait for itself.
class LoadRun::Call final : public grpc::ClientReadReactor<v1::GenerateResponse> {
 public:
  Call(LoadRun* run, ScheduledRequest scheduled, absl::Time arrival)
      : run_(run), scheduled_(std::move(scheduled)), arrival_(arrival) {
    PrepareContext(*run_->connection_,
                   run_->environment_->clock->Now() + run_->connection_->timeout, &context_);
  }

  void Begin() {
    run_->stub_->async()->Generate(&context_, &scheduled_.request, this);
    StartRead(&response_);
    // Without a hold the call could end, and delete itself, before the last
    // line.
    AddHold();
    StartCall();
    CancelAt(CancelPoint::kWhenSent);
    RemoveHold();
  }

  void TryCancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    stream_ = clip_.Receive(response_);
    if (!stream_.ok()) {
      context_.TryCancel();
      return;
    }
    if (response_.has_started()) CancelAt(CancelPoint::kWhenStarted);
    if (response_.has_audio_chunk() && sample_.first_audio == absl::InfiniteDuration()) {
      sample_.first_audio = Elapsed();
      CancelAt(CancelPoint::kAtFirstAudio);
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    sample_.total = Elapsed();
    sample_.code = FinalStatus(context_, status).error_code();
    if (status.ok()) stream_ = clip_.CheckComplete();
    if (!stream_.ok()) {
      sample_.code = grpc::StatusCode::DATA_LOSS;
    } else if (status.ok()) {
      sample_.audio_seconds = clip_.finished().audio_seconds();
      sample_.compute_seconds = clip_.finished().compute_seconds();
      sample_.queue_seconds = clip_.finished().queue_seconds();
    }
    sample_.cancelled_on_purpose =
        scheduled_.cancel != CancelPoint::kNever && sample_.code == grpc::StatusCode::CANCELLED;
    run_->Ended(this, sample_);
  }

 private:
  absl::Duration Elapsed() const { return run_->environment_->clock->Now() - arrival_; }

  void CancelAt(CancelPoint point) {
    if (scheduled_.cancel == point) context_.TryCancel();
  }

  LoadRun* const run_;
  const ScheduledRequest scheduled_;
  const absl::Time arrival_;
  grpc::ClientContext context_;
  v1::GenerateResponse response_;
  ClipReceiver clip_;
  absl::Status stream_;
  LoadSample sample_;
};

LoadRun::LoadRun(v1::MusicService::Stub* stub, const Connection* connection,
                 const Environment* environment, LoadProgress on_progress)
    : stub_(stub),
      connection_(connection),
      environment_(environment),
      on_progress_(std::move(on_progress)) {}

LoadRun::~LoadRun() = default;

std::vector<LoadSample> LoadRun::Run(LoadSchedule* schedule, const LoadRunOptions& options) {
  const Interrupt::Handler cancel(environment_->interrupt, [this] { CancelAll(); });
  Clock* const clock = environment_->clock;
  const absl::Time start = clock->Now();
  for (int64_t i = 0; options.requests == 0 || i < options.requests; ++i) {
    const ScheduledRequest next = schedule->Next();
    if (!WaitForTurn(next, options, start)) break;
    Start(next, options.concurrency > 0 ? clock->Now() : start + next.arrival);
    SettleEnded();
  }
  while (WaitForAnEnd()) SettleEnded();
  SettleEnded();
  absl::MutexLock lock(&mutex_);
  return std::move(samples_);
}

bool LoadRun::WaitForAnEnd() {
  absl::MutexLock lock(&mutex_);
  const size_t left = running_.size();
  const auto fewer_run = [this, left]()
                             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return running_.size() < left; };
  if (left > 0) mutex_.Await(absl::Condition(&fewer_run));
  return left > 0;
}

bool LoadRun::WaitForTurn(const ScheduledRequest& next, const LoadRunOptions& options,
                          absl::Time start) {
  Clock* const clock = environment_->clock;
  const absl::Time end = start + options.duration;
  if (options.concurrency == 0) {
    if (start + next.arrival >= end) return false;
    return !clock->Sleep(std::max(start + next.arrival - clock->Now(), absl::ZeroDuration()));
  }
  absl::MutexLock lock(&mutex_);
  const auto has_place = [this, &options]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return interrupted_ || running_.size() < static_cast<size_t>(options.concurrency);
  };
  mutex_.Await(absl::Condition(&has_place));
  return !interrupted_ && clock->Now() < end;
}

void LoadRun::Start(const ScheduledRequest& scheduled, absl::Time arrival) {
  auto* call = new Call(this, scheduled, arrival);
  {
    absl::MutexLock lock(&mutex_);
    running_.insert(call);
    if (interrupted_) call->TryCancel();
  }
  call->Begin();
}

void LoadRun::Ended(Call* call, const LoadSample& sample) {
  absl::MutexLock lock(&mutex_);
  running_.erase(call);
  ended_.emplace_back(call);
  samples_.push_back(sample);
}

void LoadRun::CancelAll() {
  absl::MutexLock lock(&mutex_);
  interrupted_ = true;
  for (Call* call : running_) call->TryCancel();
}

void LoadRun::SettleEnded() {
  std::vector<std::unique_ptr<Call>> ended;
  int64_t done = 0;
  int64_t running = 0;
  int64_t failed = 0;
  {
    absl::MutexLock lock(&mutex_);
    ended.swap(ended_);
    done = static_cast<int64_t>(samples_.size());
    running = static_cast<int64_t>(running_.size());
    failed = std::count_if(samples_.begin(), samples_.end(), [](const LoadSample& sample) {
      return sample.code != grpc::StatusCode::OK && !sample.cancelled_on_purpose;
    });
  }
  on_progress_(done, running, failed);
}

}  // namespace magnet::client
