#include "tests/integration/server_harness.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "google/rpc/status.pb.h"

namespace magnet::testing {
namespace {

constexpr absl::Duration kHangs = absl::Seconds(30);

template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail& detail) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&detail)) return true;
  }
  return false;
}

}  // namespace

bool LogBuffer::AwaitRequests(int count) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, count] { return static_cast<int>(requests_.size()) >= count; };
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), kHangs);
}

std::vector<std::string> LogBuffer::requests() {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void LogBuffer::Forget() {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string>().swap(requests_);
}

int LogBuffer::overflow(int c) {
  absl::MutexLock lock(&mutex_);
  if (c != '\n') {
    line_ += static_cast<char>(c);
    return c;
  }
  if (absl::StrContains(line_, "\"event\":\"request\"")) requests_.push_back(line_);
  line_.clear();
  return c;
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  return FindDetail(status, info) ? info.reason() : "";
}

CallResult ReadAll(grpc::ClientContext& context, grpc::ClientReader<v1::GenerateResponse>& reader) {
  CallResult result;
  v1::GenerateResponse response;
  while (reader.Read(&response)) {
    EXPECT_EQ(result.num_finished, 0) << "a message came after Finished";
    if (response.has_started()) result.started = response.started(), ++result.num_started;
    if (response.has_progress()) ++result.num_progress;
    if (response.has_finished()) result.finished = response.finished(), ++result.num_finished;
    if (response.has_audio_chunk()) {
      ++result.num_chunks;
      EXPECT_EQ(response.audio_chunk().offset(), static_cast<int64_t>(result.audio.size()));
      result.audio += response.audio_chunk().data();
    }
  }
  result.status = reader.Finish();
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    result.trailers.emplace(std::string(key.data(), key.size()),
                            std::string(value.data(), value.size()));
  }
  result.reason = ReasonOf(result.status);
  google::rpc::RetryInfo retry;
  result.has_retry_info = FindDetail(result.status, retry);
  return result;
}

ServerHarness::ServerHarness(const std::function<void(ServerConfig&)>& changes, bool serve) {
  ServerConfig config;
  config.listen = "127.0.0.1:0";
  config.metrics_listen = "";
  if (changes) changes(config);
  auto server = Server::Listen(config, log_stream_, Clock::Real());
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  server_ = *std::move(server);
  if (serve) AddModelAndServe();
}

// A blocked model thread would never let go of the server.
ServerHarness::~ServerHarness() { control_->OpenGate(); }

void ServerHarness::AddModelAndServe() {
  EXPECT_TRUE(server_->AddModel(MakeFakeGenerator("fake", control_)).ok());
  control_->ResetCounts();
  server_->Serve();
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::shared_ptr<grpc::Channel> ConnectedChannel(const std::string& address) {
  auto channel = NewChannel(address);
  EXPECT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::minutes(1)))
      << "no connection to " << address;
  return channel;
}

std::shared_ptr<grpc::Channel> ServerHarness::Channel() const {
  return ConnectedChannel(server_->address());
}

std::unique_ptr<v1::MusicService::Stub> ServerHarness::Stub() const {
  return v1::MusicService::NewStub(Channel());
}

v1::GenerateRequest ServerHarness::Request(uint64_t seed, double seconds) {
  v1::GenerateRequest request;
  request.set_prompt("a test");
  request.set_seed(seed);
  request.set_duration_seconds(seconds);
  return request;
}

CallResult ServerHarness::Generate(const v1::GenerateRequest& request) const {
  return OpenCall(*this, request).Finish();
}

double ServerHarness::Metric(const std::string& sample) const {
  std::istringstream lines(server_->metrics().Text());
  for (std::string line; std::getline(lines, line);) {
    if (absl::StartsWith(line, sample + " ")) return std::atof(line.c_str() + sample.size());
  }
  return 0;
}

bool ServerHarness::AwaitMetric(const std::string& sample, double value) const {
  const absl::Time limit = absl::Now() + kHangs;
  for (;;) {
    const int64_t seen = server_->metrics().num_changes();
    if (Metric(sample) == value) return true;
    if (!server_->metrics().AwaitChange(seen, limit)) return false;
  }
}

OpenCall::OpenCall(const ServerHarness& server, const v1::GenerateRequest& request,
                   const std::function<void(grpc::ClientContext&)>& prepare)
    : stub_(server.Stub()) {
  if (prepare) prepare(context_);
  reader_ = stub_->Generate(&context_, request);
}

OpenCall::~OpenCall() { context_.TryCancel(); }

v1::GenerateResponse OpenCall::Next() {
  v1::GenerateResponse response;
  EXPECT_TRUE(reader_->Read(&response)) << "the stream ended early";
  return response;
}

}  // namespace magnet::testing
