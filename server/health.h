// grpc.health.v1, for load balancers and orchestrators.
//
// Our own rather than gRPC's: it says NOT_SERVING from the first moment, and its
// watches can be ended, so that an open one does not hold up a shutdown.
#ifndef MAGNET_SERVER_HEALTH_H_
#define MAGNET_SERVER_HEALTH_H_

#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace magnet {

// Thread-safe. Knows the server as a whole ("") and magnet.v1.MusicService; both
// always have the same state.
class HealthService : public grpc::health::v1::Health::CallbackService {
 public:
  void SetServing(bool serving) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all watches and those that come later.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;

  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class WatchCall;

  void Remove(WatchCall* call) ABSL_LOCKS_EXCLUDED(mutex_);

  std::atomic<bool> serving_ = false;
  absl::Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<WatchCall>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace magnet

#endif  // MAGNET_SERVER_HEALTH_H_
