// One Generate call: the reactor that gRPC drives and the listener that the
// scheduler drives.
//
// Threads meet here: gRPC's callback threads bring OnWriteDone, OnCancel and
// OnDone, the model thread brings the job's results, and a request with given audio
// is checked and submitted on the worker. None waits for another: results go into `outbox_`, and
// whoever comes by starts the next write. gRPC operations are started without holding the mutex,
// since gRPC may run their reactions on the same thread.
#ifndef MAGNET_SERVER_GENERATE_CALL_H_
#define MAGNET_SERVER_GENERATE_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "magnet/v1/music.pb.h"
#include "server/api_keys.h"
#include "server/audio_stream.h"
#include "server/clock.h"
#include "server/generation_request.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/open_calls.h"
#include "server/request_log.h"
#include "server/scheduler.h"
#include "server/worker_thread.h"

namespace magnet {

// What calls work with; all of it outlives them.
struct CallEnvironment {
  const ModelRegistry& models;
  Scheduler& scheduler;
  WorkerThread& worker;  // checks requests with given audio
  OpenCalls& open_calls;
  Metrics& metrics;
  const ApiKeys& keys;
  RequestLog& log;
  const Clock& clock;
  RequestLimits limits;
  // A job pauses while its stream holds this many encoded bytes or more that the
  // transport has not taken. More keeps the model busy for readers that stutter;
  // less bounds memory.
  int64_t max_unsent_bytes = 256 << 10;
  // A client that takes nothing for this long while something waits for it is
  // dropped.
  absl::Duration stall_limit = absl::Minutes(1);
};

class GenerateCall : public grpc::ServerWriteReactor<v1::GenerateResponse>,
                     public JobListener,
                     public std::enable_shared_from_this<GenerateCall> {
 public:
  // Checks, submits and returns at once. The call keeps itself alive until
  // OnDone.
  static GenerateCall* Start(grpc::CallbackServerContext& context,
                             const v1::GenerateRequest& request,
                             const CallEnvironment& environment);

  ~GenerateCall() override;

  // Of gRPC.
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Of the scheduler.
  void OnStarted(const JobStarted& started) override;
  void OnProgress(const GenerationProgress& progress, double working_seconds) override;
  absl::Status OnAudio(std::vector<float> samples) override;
  void OnFinished(const JobReport& report) override;
  bool HasRoom() const override;

 private:
  struct Message {
    v1::GenerateResponse response;
    int64_t audio_bytes = 0;
  };

  GenerateCall(grpc::CallbackServerContext& context, const CallEnvironment& environment);

  absl::Status Accept(const v1::GenerateRequest& request);
  absl::Status Identify(const v1::GenerateRequest& request);
  absl::Status Submit(const v1::GenerateRequest& request);
  void SubmitLater(const v1::GenerateRequest& request);
  void Reject(const absl::Status& status);
  void Abandon(absl::Status status);
  absl::Status CancelReason() const;

  void Send(Message message);
  void Advance();
  bool TakeNextMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOutbox() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FillFinished(v1::Finished& finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Account(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void ArmStallTimer();
  void CheckForStall();

  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  const absl::Time arrival_;
  std::shared_ptr<GenerateCall> self_;  // until OnDone
  std::unique_ptr<grpc::Alarm> stall_timer_;

  // Set before the job is submitted, then constant.
  Generator* model_ = nullptr;
  ClientLimits client_;
  RequestRecord record_;
  std::string model_version_;
  int sample_rate_hz_ = 0;
  AudioFormat format_ = AudioFormat::kWavS16;
  int64_t chunk_samples_ = 1;
  bool wants_progress_ = true;

  // Of the model thread until OnFinished.
  std::unique_ptr<AudioStream> stream_;
  absl::Status stream_status_;

  std::atomic<JobId> job_id_ = 0;  // 0: not accepted yet
  std::atomic<int64_t> unsent_bytes_ = 0;

  absl::Mutex mutex_;
  std::deque<Message> outbox_ ABSL_GUARDED_BY(mutex_);
  std::optional<Message> progress_
      ABSL_GUARDED_BY(mutex_);  // the latest, sent when outbox_ is empty
  Message current_;             // belongs to gRPC while writing_
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;                 // the status is on its way
  std::optional<JobReport> report_ ABSL_GUARDED_BY(mutex_);        // the job's end
  std::optional<absl::Status> abandoned_ ABSL_GUARDED_BY(mutex_);  // why nothing more is sent
  int64_t writes_done_ ABSL_GUARDED_BY(mutex_) = 0;
  // writes_done_ at the last stall check if a write was under way then, else -1.
  int64_t writes_seen_ ABSL_GUARDED_BY(mutex_) = -1;
  double first_audio_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_GENERATE_CALL_H_
