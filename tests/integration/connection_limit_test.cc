// Connections are bounded: each costs memory and files before any call is checked.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/integration/raw_connection.h"
#include "tests/integration/server_harness.h"

namespace magnet::testing {
namespace {

TEST(ConnectionLimitTest, OneMoreIsClosedAndAPlaceThatBecomesFreeIsTakenAgain) {
  ServerHarness server([](ServerConfig& config) { config.max_connections = 3; });
  std::vector<std::unique_ptr<RawConnection>> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<RawConnection>(server.server().address()));
  }
  ASSERT_TRUE(server.AwaitMetric("magnet_connections", 3));
  RawConnection fourth(server.server().address());
  EXPECT_TRUE(fourth.ReadToTheEnd()) << "a connection over the limit stays open";
  EXPECT_EQ(server.Metric("magnet_connections_refused_total"), 1);
  const auto stub = v1::MusicService::NewStub(NewChannel(server.server().address()));
  grpc::ClientContext context;
  const auto reader = stub->Generate(&context, ServerHarness::Request(1, 1));
  EXPECT_EQ(ReadAll(context, *reader).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.Metric("magnet_connections"), 3);

  open.pop_back();
  ASSERT_TRUE(server.AwaitMetric("magnet_connections", 2));
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
  open.clear();
  EXPECT_TRUE(server.AwaitMetric("magnet_connections", 0)) << "a closed connection counts on";
}

// More connections one after the other than may be open at once: none may stay counted.
TEST(ConnectionLimitTest, ConnectionsOfEveryKindAreGivenBack) {
  ServerHarness server([](ServerConfig& config) { config.max_connections = 2; });
  for (int i = 0; i < 20; ++i) {
    {
      RawConnection connection(server.server().address());
      if (i % 3 == 1) connection.Send(Http2Preface());
      if (i % 3 == 2) {
        connection.Send("GET / HTTP/1.1\r\n\r\n");
        ASSERT_TRUE(connection.ReadToTheEnd()) << "nonsense keeps its connection";
      } else {
        ASSERT_TRUE(server.AwaitMetric("magnet_connections", 1)) << "connection " << i;
      }
    }
    ASSERT_TRUE(server.AwaitMetric("magnet_connections", 0)) << "connection " << i;
  }
  EXPECT_EQ(server.Metric("magnet_connections_refused_total"), 0);
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

TEST(ConnectionLimitTest, ASocketFileServesToo) {
  const std::string path = ::testing::TempDir() + "/connection_limit_test.sock";
  {
    ServerHarness server([&](ServerConfig& config) { config.listen = "unix:" + path; });
    EXPECT_EQ(server.server().address(), "unix:" + path);
    EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the socket's file is left over";
}

TEST(ConnectionLimitTest, MoreThanTheMachineAllowsIsAnError) {
  ServerConfig config;
  config.listen = "127.0.0.1:0";
  config.metrics_listen = "";
  config.max_connections = 2'000'000'000 / 2;
  std::ostream none(nullptr);
  const auto server = Server::Listen(config, none, Clock::Real());
  EXPECT_EQ(server.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(server.status().message()).find("max-connections: "), 0u);
}

}  // namespace
}  // namespace magnet::testing
