// Loading, health, draining, signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/raw_connection.h"
#include "tests/integration/server_harness.h"

namespace magnet::testing {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus HealthOf(const ServerHarness& server,
                                            const std::string& service) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const auto stub = grpc::health::v1::Health::NewStub(server.Channel());
  EXPECT_TRUE(stub->Check(&context, request, &response).ok());
  return response.status();
}

// A load balancer must not send anything before the warm-up has run.
TEST(HealthTest, NotServingUntilAModelIsWarm) {
  ServerHarness server({}, /*serve=*/false);
  EXPECT_EQ(HealthOf(server, ""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(HealthOf(server, "magnet.v1.MusicService"), HealthCheckResponse::NOT_SERVING);
  const CallResult early = server.Generate(ServerHarness::Request(1, 1));
  EXPECT_EQ(early.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(early.reason, "LOADING");
  EXPECT_TRUE(early.has_retry_info);
  server.AddModelAndServe();
  EXPECT_EQ(HealthOf(server, ""), HealthCheckResponse::SERVING);
  EXPECT_EQ(HealthOf(server, "magnet.v1.MusicService"), HealthCheckResponse::SERVING);
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

TEST(HealthTest, UnknownServiceIsNotFound) {
  ServerHarness server;
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("other");
  HealthCheckResponse response;
  const auto stub = grpc::health::v1::Health::NewStub(server.Channel());
  EXPECT_EQ(stub->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(HealthTest, AModelThatFailsItsWarmUpIsAnError) {
  ServerHarness server({}, /*serve=*/false);
  auto broken = std::make_shared<FakeControl>();
  broken->FailBegin(absl::InternalError("no weights"));
  EXPECT_THAT(std::string(server.server().AddModel(MakeFakeGenerator("b", broken)).message()),
              ::testing::HasSubstr("warm-up of b: no weights"));
}

// With six requests in flight: health turns, the seventh is refused, all six
// finish, and an open watch does not hold up the end.
TEST(DrainTest, FinishesWhatRunsRefusesWhatComes) {
  ServerHarness server;
  server.control().CloseGate();
  std::vector<std::unique_ptr<OpenCall>> calls;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    calls.push_back(std::make_unique<OpenCall>(server, ServerHarness::Request(seed, 4)));
  }
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 5));

  grpc::ClientContext watch_context;
  const auto health = grpc::health::v1::Health::NewStub(server.Channel());
  const auto watch = health->Watch(&watch_context, HealthCheckRequest());
  HealthCheckResponse state;
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_EQ(state.status(), HealthCheckResponse::SERVING);
  const auto other_channel = server.Channel();

  std::thread drain([&server] { server.server().Drain(); });
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_EQ(state.status(), HealthCheckResponse::NOT_SERVING);
  const CallResult refused = server.Generate(ServerHarness::Request(7, 1));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.reason, "DRAINING");
  server.control().OpenGate();
  for (auto& call : calls) {
    const CallResult result = call->Finish();
    EXPECT_TRUE(result.status.ok()) << result.status.error_message();
    EXPECT_EQ(result.finished.audio_seconds(), 4);
  }
  EXPECT_FALSE(watch->Read(&state));
  drain.join();
  EXPECT_EQ(server.control().created(), 6);
  EXPECT_EQ(server.control().destroyed(), 6);
}

// A client that does not look at its idle connection answers no goodbye: with the time for slow
// readers without an end, this test hangs if such connections are waited for.
TEST(DrainTest, IdleConnectionsDoNotHoldUpTheEnd) {
  ServerHarness server([](ServerConfig& config) { config.flush_seconds = 1e6; });
  const auto idle = server.Channel();
  RawConnection silent(server.server().address());
  silent.Send(Http2Preface());
  ASSERT_TRUE(server.AwaitMetric("magnet_connections", 2));
  grpc::ClientContext watch_context;
  const auto health = grpc::health::v1::Health::NewStub(server.Channel());
  const auto watch = health->Watch(&watch_context, HealthCheckRequest());
  HealthCheckResponse state;
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
  server.server().Drain();
  EXPECT_TRUE(silent.ReadToTheEnd());
}

TEST(DrainTest, WhatOutlastsTheLimitEndsUnavailable) {
  ServerHarness server([](ServerConfig& config) { config.drain_seconds = 0; });
  server.control().CloseGate();
  OpenCall running(server, ServerHarness::Request(1, 4));
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  OpenCall queued(server, ServerHarness::Request(2, 4));
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 1));
  std::thread drain([&server] { server.server().Drain(); });
  const CallResult result = queued.Finish();
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(result.reason, "SHUT_DOWN");
  server.control().OpenGate();
  EXPECT_EQ(running.Finish().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  drain.join();
  EXPECT_EQ(server.control().created(), server.control().destroyed());
}

}  // namespace
}  // namespace magnet::testing
