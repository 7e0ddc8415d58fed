// A server in this process that does what a test tells it.
#ifndef MAGNET_TESTS_CLIENT_FAKE_MUSIC_SERVICE_H_
#define MAGNET_TESTS_CLIENT_FAKE_MUSIC_SERVICE_H_

#include <grpcpp/server.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "magnet/v1/music.grpc.pb.h"

namespace magnet::client {

using GenerateWriter = grpc::ServerWriter<v1::GenerateResponse>;

// How one Generate call goes.
using GenerateBehavior =
    std::function<grpc::Status(grpc::ServerContext*, const v1::GenerateRequest&, GenerateWriter*)>;

// A clip as the API promises it: Started, two Progress, three chunks, Finished.
// `edit` may spoil each message before it is sent; it may be null.
GenerateBehavior SendClip(std::function<void(v1::GenerateResponse*)> edit = nullptr);

// The bytes of that clip for a request with `seed`.
std::string ClipBytes(uint64_t seed);

// A seed that the fake server chooses.
inline constexpr uint64_t kChosenSeed = 41;

// Fails before the first header.
GenerateBehavior FailWith(grpc::Status status, int pushback_ms = 0);

// Sends Started and one chunk, calls `then`, and goes on sending until the
// client has cancelled or gone.
GenerateBehavior SendUntilCancelled(std::function<void()> then);

// A status with ErrorInfo, and with BadRequest if `field` is not empty.
grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message,
                            const std::string& reason, const std::string& field = "",
                            const std::string& description = "");

// Listens on a port of its own as long as it lives. Thread-safe.
class FakeMusicService final : public v1::MusicService::Service {
 public:
  FakeMusicService();
  ~FakeMusicService() override;

  std::string address() const { return address_; }

  // The next calls go as told, one each; after that, as SendClip().
  void Enqueue(GenerateBehavior behavior);

  std::vector<v1::GenerateRequest> requests() const;
  // The value of "authorization" of the last call.
  std::string authorization() const;
  // Calls that ended because the client cancelled.
  int cancelled() const;
  void set_serving(bool serving) { health_.serving = serving; }

  grpc::Status Generate(grpc::ServerContext* context, const v1::GenerateRequest* request,
                        GenerateWriter* writer) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;

 private:
  struct FakeHealth final : grpc::health::v1::Health::Service {
    std::atomic<bool> serving = true;
    grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                       grpc::health::v1::HealthCheckResponse* response) override;
  };

  FakeHealth health_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  mutable absl::Mutex mutex_;
  std::deque<GenerateBehavior> behaviors_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GenerateRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::string authorization_ ABSL_GUARDED_BY(mutex_);
  int cancelled_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace magnet::client

#endif  // MAGNET_TESTS_CLIENT_FAKE_MUSIC_SERVICE_H_
