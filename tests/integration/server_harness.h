// A whole server in the test's process, with a fake engine, and clients for it.
#ifndef MAGNET_TESTS_INTEGRATION_SERVER_HARNESS_H_
#define MAGNET_TESTS_INTEGRATION_SERVER_HARNESS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <streambuf>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "google/rpc/error_details.pb.h"
#include "magnet/v1/music.grpc.pb.h"
#include "server/server.h"
#include "tests/testing/fake_generator.h"

namespace magnet::testing {

// The server's log, on which tests wait: a request is logged after it is counted
// and before its client has the status.
class LogBuffer : public std::streambuf {
 public:
  // Blocks until so many requests have been logged; false after 30 s.
  [[nodiscard]] bool AwaitRequests(int count);
  std::vector<std::string> requests();
  // Frees them.
  void Forget();

 protected:
  int overflow(int c) override;

 private:
  absl::Mutex mutex_;
  std::string line_;
  std::vector<std::string> requests_;
};

// What one call brought.
struct CallResult {
  grpc::Status status;
  std::string audio;
  v1::Started started;
  v1::Finished finished;
  int num_started = 0, num_progress = 0, num_chunks = 0, num_finished = 0;
  std::multimap<std::string, std::string> trailers;
  std::string reason;  // of the ErrorInfo
  bool has_retry_info = false;
};

// Reads a stream to its end.
CallResult ReadAll(grpc::ClientContext& context, grpc::ClientReader<v1::GenerateResponse>& reader);

// The ErrorInfo's reason; empty when there is none.
std::string ReasonOf(const grpc::Status& status);

// A connection of its own, without retries.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address);

// The same, established when it returns: gRPC 1.51's client now and then reads another errno than
// connect()'s and calls an attempt under way a failed one, after which a call would fail that the
// server never saw.
std::shared_ptr<grpc::Channel> ConnectedChannel(const std::string& address);

class ServerHarness {
 public:
  // Serves on a free port of the loopback without metrics' HTTP. `changes` edits
  // the configuration.
  explicit ServerHarness(const std::function<void(ServerConfig&)>& changes = {}, bool serve = true);
  ~ServerHarness();

  void AddModelAndServe();

  std::unique_ptr<v1::MusicService::Stub> Stub() const;
  std::shared_ptr<grpc::Channel> Channel() const;

  // A request of `seconds` (a window is 2 s, 5 steps) with a seed.
  static v1::GenerateRequest Request(uint64_t seed, double seconds);
  CallResult Generate(const v1::GenerateRequest& request) const;

  // The value of one sample of the exposition, e.g.
  // `magnet_requests_total{code="OK",model="fake"}`; 0 when it is not there.
  double Metric(const std::string& sample) const;

  // Blocks until it has that value; false after 30 s.
  [[nodiscard]] bool AwaitMetric(const std::string& sample, double value) const;

  Server& server() { return *server_; }
  FakeControl& control() { return *control_; }
  LogBuffer& log() { return log_; }

 private:
  LogBuffer log_;
  std::ostream log_stream_{&log_};
  std::shared_ptr<FakeControl> control_ = std::make_shared<FakeControl>();
  std::unique_ptr<Server> server_;
};

// A call whose reading the test decides about.
class OpenCall {
 public:
  OpenCall(const ServerHarness& server, const v1::GenerateRequest& request,
           const std::function<void(grpc::ClientContext&)>& prepare = {});
  ~OpenCall();

  // The next message; fails the test when there is none.
  v1::GenerateResponse Next();
  bool Read(v1::GenerateResponse& response) { return reader_->Read(&response); }
  void Cancel() { context_.TryCancel(); }
  CallResult Finish() { return ReadAll(context_, *reader_); }
  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::MusicService::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::GenerateResponse>> reader_;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_INTEGRATION_SERVER_HARNESS_H_
