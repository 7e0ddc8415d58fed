#include "server/health.h"

#include <utility>

#include "magnet/v1/music.pb.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kMusicService[] = "magnet.v1.MusicService";

bool IsKnown(const std::string& service) { return service.empty() || service == kMusicService; }

HealthCheckResponse::ServingStatus ToProto(bool serving) {
  return serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace

// Sends the state now and every later one; of states that follow each other
// faster than the client reads, the last.
class HealthService::WatchCall : public grpc::ServerWriteReactor<HealthCheckResponse>,
                                 public std::enable_shared_from_this<WatchCall> {
 public:
  WatchCall(HealthService& service, bool is_known) : service_(service), is_known_(is_known) {}

  // The state may have changed.
  void Notify() {
    {
      absl::MutexLock lock(&mutex_);
      changed_ = true;
    }
    Advance();
  }

  void End() {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) ending_ = true;
    }
    Advance();
  }

  void OnCancel() override { End(); }

  void OnDone() override { service_.Remove(this); }

 private:
  // gRPC may call back while an operation is being started: never under the lock.
  void Advance() {
    bool finish = false;
    {
      absl::MutexLock lock(&mutex_);
      if (writing_ || finished_) return;
      if (ending_) {
        finish = finished_ = true;
      } else if (std::exchange(changed_, false)) {
        response_.set_status(is_known_ ? ToProto(service_.serving_)
                                       : HealthCheckResponse::SERVICE_UNKNOWN);
        writing_ = true;
      } else {
        return;
      }
    }
    if (finish) {
      Finish(ToGrpcStatus(absl::CancelledError("the watch has ended")));
    } else {
      StartWrite(&response_);
    }
  }

  HealthService& service_;
  const bool is_known_;
  absl::Mutex mutex_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  HealthCheckResponse response_;  // belongs to gRPC while writing_
};

void HealthService::SetServing(bool serving) {
  std::set<std::shared_ptr<WatchCall>> watches;
  if (serving_.exchange(serving) == serving) return;
  {
    absl::MutexLock lock(&mutex_);
    watches = watches_;
  }
  for (const auto& watch : watches) watch->Notify();
}

void HealthService::Shutdown() {
  std::set<std::shared_ptr<WatchCall>> watches;
  {
    absl::MutexLock lock(&mutex_);
    shut_down_ = true;
    watches = watches_;
  }
  for (const auto& watch : watches) watch->End();
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!IsKnown(request->service())) {
    reactor->Finish(
        ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN",
                               "service: expected \"\" or \"magnet.v1.MusicService\"")));
    return reactor;
  }
  response->set_status(ToProto(serving_));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request) {
  auto watch = std::make_shared<WatchCall>(*this, IsKnown(request->service()));
  bool shut_down;
  {
    absl::MutexLock lock(&mutex_);
    watches_.insert(watch);
    shut_down = shut_down_;
  }
  watch->Notify();
  if (shut_down) watch->End();
  return watch.get();
}

void HealthService::Remove(WatchCall* call) {
  const std::shared_ptr<WatchCall> keep_alive = call->shared_from_this();
  absl::MutexLock lock(&mutex_);
  watches_.erase(keep_alive);
}

}  // namespace magnet
