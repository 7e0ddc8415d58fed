// Many requests with every kind of end: what is counted must add up exactly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/server_harness.h"
#include "tests/server/encoded_audio.h"

namespace magnet::testing {
namespace {

using ::testing::HasSubstr;

std::string Requests(const std::string& code, const std::string& model = "fake") {
  return absl::StrCat("magnet_requests_total{code=\"", code, "\",model=\"", model, "\"}");
}

// Everything that is begun is destroyed, whatever the way it ended.
TEST(MixedLoadTest, CreatedEqualsDestroyedAfter500MixedOutcomes) {
  constexpr int kThreads = 10, kCallsPerThread = 50;
  constexpr uint64_t kBrokenSeed = 77;
  ServerHarness server([](ServerConfig& config) {
    config.max_batch_rows = 1000;
    config.max_waiting = 6;
  });
  server.control().FailSeed(kBrokenSeed, absl::InternalError("logits are not finite"));
  const std::string sound =
      EncodedAudio(AudioFormat::kWavS16, 16000, std::vector<float>(8000, 0.1f));
  std::vector<std::thread> clients;
  for (int thread = 0; thread < kThreads; ++thread) {
    clients.emplace_back([&server, &sound, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      for (int i = 0; i < kCallsPerThread; ++i) {
        const unsigned kind = random() % 6;
        v1::GenerateRequest request =
            ServerHarness::Request(kind == 0 ? kBrokenSeed : 1, kind == 1 ? 9 : 1);
        if (kind == 2) request.set_duration_seconds(-1);
        if (random() % 3 == 0) request.mutable_given_audio()->set_data(sound);
        OpenCall call(server, request, [&](grpc::ClientContext& context) {
          if (kind == 3)
            context.set_deadline(
                absl::ToChronoTime(absl::Now() + absl::Milliseconds(random() % 5)));
        });
        if (kind == 4) call.Cancel();
        if (kind == 5) {
          v1::GenerateResponse response;
          call.Read(response);
          call.Cancel();
        }
        call.Finish();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_running", 0));
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 0));
  ASSERT_TRUE(server.AwaitMetric("magnet_stream_backlog_bytes", 0));
  EXPECT_GT(server.control().created(), 0);
  EXPECT_EQ(server.control().created(), server.control().destroyed());
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

// After a scripted load every counter is exact.
TEST(MetricsTest, ExpositionIsExactAfterAScriptedLoad) {
  ServerHarness server;
  server.control().FailSeed(7, absl::InternalError("broken"));
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 3)).status.ok());
  EXPECT_TRUE(server.Generate(ServerHarness::Request(2, 1)).status.ok());
  EXPECT_FALSE(server.Generate(ServerHarness::Request(7, 1)).status.ok());
  EXPECT_FALSE(server.Generate(ServerHarness::Request(1, -1)).status.ok());
  v1::GenerateRequest elsewhere = ServerHarness::Request(1, 1);
  elsewhere.set_model("other");
  EXPECT_FALSE(server.Generate(elsewhere).status.ok());

  EXPECT_EQ(server.Metric(Requests("OK")), 2);
  EXPECT_EQ(server.Metric(Requests("INTERNAL")), 1);
  EXPECT_EQ(server.Metric(Requests("INVALID_ARGUMENT")), 1);
  EXPECT_EQ(server.Metric(Requests("NOT_FOUND", "none")), 1);
  EXPECT_EQ(server.Metric("magnet_rejected_total{reason=\"INVALID_REQUEST\"}"), 1);
  EXPECT_EQ(server.Metric("magnet_rejected_total{reason=\"MODEL_UNKNOWN\"}"), 1);
  EXPECT_EQ(server.Metric("magnet_audio_seconds_total{model=\"fake\"}"), 4);
  EXPECT_EQ(server.Metric("magnet_requests_running"), 0);
  EXPECT_EQ(server.Metric("magnet_requests_waiting"), 0);
  EXPECT_EQ(server.Metric("magnet_stream_backlog_bytes"), 0);
  EXPECT_EQ(server.Metric("magnet_queue_seconds_count"), 3);
  EXPECT_EQ(server.Metric("magnet_time_to_first_audio_seconds_count"), 2);
  EXPECT_EQ(server.Metric("magnet_request_seconds_count"), 2);
  EXPECT_EQ(server.Metric("magnet_real_time_factor_count"), 2);
  EXPECT_EQ(server.Metric("magnet_step_seconds_count"), 10 + 5 + 1);
  EXPECT_EQ(server.Metric("magnet_step_rows_sum"), 10 * 200 + 6 * 100);
  EXPECT_EQ(server.Metric("magnet_device_memory_bytes{model=\"fake\"}"), 12345);
  EXPECT_EQ(server.Metric("magnet_model_info{device=\"CPU\",model=\"fake\",precision=\"float32\"}"),
            1);
  EXPECT_THAT(server.server().metrics().Text(), HasSubstr("magnet_build_info{"));
}

TEST(MetricsTest, PromtoolAcceptsTheExposition) {
  if (std::system("promtool --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (deploy/setup.sh --dev)";
  }
  ServerHarness server;
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
  const std::string path = ::testing::TempDir() + "/exposition.txt";
  std::ofstream(path) << server.server().metrics().Text();
  EXPECT_EQ(std::system(("promtool check metrics < " + path).c_str()), 0);
}

}  // namespace
}  // namespace magnet::testing
