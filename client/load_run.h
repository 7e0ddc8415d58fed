// Many Generate calls at once, timed.
#ifndef MAGNET_CLIENT_LOAD_RUN_H_
#define MAGNET_CLIENT_LOAD_RUN_H_

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "client/channel.h"
#include "client/environment.h"
#include "client/load_schedule.h"
#include "magnet/v1/music.grpc.pb.h"

namespace magnet::client {

// How one call ended.
struct LoadSample {
  // DATA_LOSS when what arrived is not what was promised.
  grpc::StatusCode code = grpc::StatusCode::OK;
  bool cancelled_on_purpose = false;
  // From the request's arrival (open loop: its scheduled one, so that a slow
  // server cannot hide its delay by delaying the client).
  absl::Duration first_audio = absl::InfiniteDuration();  // infinite: none came
  absl::Duration total = absl::ZeroDuration();
  double audio_seconds = 0;  // of Finished; 0 unless OK
  double compute_seconds = 0;
  double queue_seconds = 0;
};

struct LoadRunOptions {
  int concurrency = 0;                                 // closed loop: calls at once; 0: open loop
  int64_t requests = 0;                                // 0: no limit
  absl::Duration duration = absl::InfiniteDuration();  // no call starts later
};

// What is going on: done, running, failed.
using LoadProgress = std::function<void(int64_t done, int64_t running, int64_t failed)>;

// Runs the calls of a schedule. One thread starts them; gRPC's threads bring
// the answers. Interrupting cancels what runs and starts no more.
class LoadRun {
 public:
  // Not owned: all outlive the run. `on_progress` is called from Run()'s
  // thread.
  LoadRun(v1::MusicService::Stub* stub, const Connection* connection,
          const Environment* environment, LoadProgress on_progress);
  ~LoadRun();

  // Blocks until the last call has ended. In order of ending. To be called
  // once.
  std::vector<LoadSample> Run(LoadSchedule* schedule, const LoadRunOptions& options);

 private:
  class Call;

  bool WaitForTurn(const ScheduledRequest& next, const LoadRunOptions& options, absl::Time start);
  void Start(const ScheduledRequest& scheduled, absl::Time arrival);
  void Ended(Call* call, const LoadSample& sample) ABSL_LOCKS_EXCLUDED(mutex_);
  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until one call more has ended; false when none runs.
  bool WaitForAnEnd() ABSL_LOCKS_EXCLUDED(mutex_);
  // Destroys calls that have ended, and reports progress.
  void SettleEnded() ABSL_LOCKS_EXCLUDED(mutex_);

  v1::MusicService::Stub* const stub_;
  const Connection* const connection_;
  const Environment* const environment_;
  const LoadProgress on_progress_;
  absl::Mutex mutex_;
  std::set<Call*> running_ ABSL_GUARDED_BY(mutex_);  // owned until they end
  std::vector<std::unique_ptr<Call>> ended_ ABSL_GUARDED_BY(mutex_);
  std::vector<LoadSample> samples_ ABSL_GUARDED_BY(mutex_);
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_LOAD_RUN_H_
