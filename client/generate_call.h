// One Generate call from the first try to the last byte.
#ifndef MAGNET_CLIENT_GENERATE_CALL_H_
#define MAGNET_CLIENT_GENERATE_CALL_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/channel.h"
#include "client/clip_receiver.h"
#include "client/retry_policy.h"
#include "magnet/v1/music.grpc.pb.h"

namespace magnet::client {

// Who hears of a call; all are called on the caller's thread.
struct GenerateListener {
  std::function<void(const v1::Progress&)> on_progress;  // may be null
  // The bytes of one chunk. An error cancels the call.
  std::function<absl::Status(const std::string&)> on_audio;
  // A try failed and another follows after `delay`. May be null.
  std::function<void(const Attempt&, absl::Duration delay)> on_retry;
};

// How a call ended.
struct GenerateOutcome {
  // Of the call; DATA_LOSS when what arrived is not what was promised.
  grpc::Status status;
  absl::Status local;  // what on_audio returned; the call was cancelled if not OK
  ClipReceiver clip;
  int tries = 1;
  // From the start of the last try; zero where it did not come so far.
  absl::Duration first_audio = absl::ZeroDuration();
  absl::Duration elapsed = absl::ZeroDuration();

  bool ok() const { return status.ok() && local.ok(); }
};

// What a call runs with. Not owned: all outlive the call.
struct CallSetting {
  v1::MusicService::StubInterface* stub = nullptr;
  const Connection* connection = nullptr;
  Clock* clock = nullptr;
  Interrupt* interrupt = nullptr;  // cancels the call
  RetryOptions retry = {};
  uint64_t retry_seed = 0;
};

// Blocks until the clip has arrived, the call has failed for good, its time is
// over or it has been interrupted. The deadline spans all tries.
GenerateOutcome Generate(const CallSetting& setting, const v1::GenerateRequest& request,
                         const GenerateListener& listener);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_GENERATE_CALL_H_
