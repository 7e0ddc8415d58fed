// Who may enter the queue, and who of it may start.
//
// Counts only; knows nothing of threads, queues or models. Not thread-safe: the
// scheduler guards it with its own mutex.
#ifndef MAGNET_SERVER_ADMISSION_H_
#define MAGNET_SERVER_ADMISSION_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace magnet {

struct AdmissionLimits {
  int max_running = 16;  // > 0; requests whose state the device holds
  int max_waiting = 64;  // > 0; the rest is refused
};

// What one client may take. Requests without a key share the name "".
struct ClientLimits {
  std::string name;
  int max_running = 0;  // 0: no limit of its own
  int max_waiting = 0;  // 0: no limit of its own
};

enum class Readiness { kLoading, kServing, kDraining };

class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // OK and one more is waiting, or why not: UNAVAILABLE LOADING or DRAINING,
  // RESOURCE_EXHAUSTED QUEUE_FULL or KEY_QUEUE_FULL, all with a RetryInfo.
  absl::Status Enter(const ClientLimits& client);

  // Whether a waiting request of this client may start now.
  bool MayStart(const ClientLimits& client) const;

  // One of the client's requests goes from waiting to running. Requires MayStart.
  void Start(const ClientLimits& client);

  // A request has ended while waiting or while running.
  void LeaveQueue(const ClientLimits& client);
  void Finish(const ClientLimits& client, absl::Duration work);

  void SetReadiness(Readiness readiness) { readiness_ = readiness; }

  int running() const { return running_; }
  int waiting() const { return waiting_; }

 private:
  struct Counts {
    int running = 0;
    int waiting = 0;
  };

  void Drop(const std::string& name);

  // A guess at when a place in the queue becomes free: the usual work of a request.
  absl::Duration RetryDelay() const;

  const AdmissionLimits limits_;
  Readiness readiness_ = Readiness::kLoading;
  int running_ = 0;
  int waiting_ = 0;
  absl::Duration usual_work_ = absl::Seconds(1);      // moving average
  absl::flat_hash_map<std::string, Counts> clients_;  // only those with a request
};

}  // namespace magnet

#endif  // MAGNET_SERVER_ADMISSION_H_
