// The server: puts the rooms together and walks them through a life of
// listening, loading, serving, draining and shutting down.
#ifndef MAGNET_SERVER_SERVER_H_
#define MAGNET_SERVER_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api_keys.h"
#include "server/clock.h"
#include "server/health.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/music_service.h"
#include "server/open_calls.h"
#include "server/request_log.h"
#include "server/scheduler.h"
#include "server/server_config.h"
#include "server/worker_thread.h"

namespace prometheus {
class Exposer;
}

namespace magnet {

class Server {
 public:
  // Listens, refusing work until Serve. `log`, `clock` must outlive the server.
  // Errors name the option that cannot be followed.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(const ServerConfig& config,
                                                        std::ostream& log, const Clock& clock);

  // Shuts down at once where Drain was not called.
  ~Server();

  // Makes a first clip with the model, which touches all of its weights, and takes
  // it in. Before Serve only.
  absl::Status AddModel(std::unique_ptr<Generator> model);

  // Takes requests from now on; health says SERVING.
  void Serve();

  // Health says NOT_SERVING; after the configured delay new requests are refused,
  // accepted ones finish within the configured time, the rest ends with
  // UNAVAILABLE. When the last bytes are with the transport, connections are
  // closed, idle ones at once.
  void Drain();

  // Reads the API keys again, and checks the certificates.
  void Reload();

  // Where it listens, with real port numbers.
  const std::string& address() const { return listener_->address(); }
  int metrics_port() const;

  Metrics& metrics() { return metrics_; }

 private:
  Server(const ServerConfig& config, std::ostream& log, const Clock& clock);

  absl::Status ListenForCalls();
  absl::Status ListenForScrapes();
  void Shutdown();

  const ServerConfig config_;
  const Clock& clock_;
  RequestLog log_;
  Metrics metrics_;
  ApiKeys keys_;
  ModelRegistry models_;
  Scheduler scheduler_;  // after models_: ends before them
  WorkerThread worker_;  // after scheduler_: its tasks submit to it
  OpenCalls open_calls_;
  HealthService health_;
  MusicService music_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

// The limits that a bundle is opened with.
GenerationLimits GenerationLimitsOf(const ServerConfig& config);

// Generates a short clip of every stage and drops it.
absl::Status WarmUp(Generator& generator);

}  // namespace magnet

#endif  // MAGNET_SERVER_SERVER_H_
