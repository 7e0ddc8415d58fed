// If these fail, load runs miscount, lose calls or do not end.
#include "client/load_command.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/client/client_fixture.h"

namespace magnet::client {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class LoadTest : public ClientFixture {
 protected:
  nlohmann::json RunJson(std::vector<std::string> arguments, int expected_code = kExitOk) {
    arguments.insert(arguments.begin(), "load");
    arguments.push_back("--json");
    SystemClock system_clock(&interrupt);
    EXPECT_EQ(Run(arguments, &system_clock), expected_code) << err.str();
    return nlohmann::json::parse(out.str());
  }
};

TEST_F(LoadTest, ClosedLoopCountsEveryCall) {
  server.Enqueue(FailWith({StatusCode::RESOURCE_EXHAUSTED, "full"}));
  server.Enqueue(FailWith({StatusCode::INTERNAL, "broken"}));
  server.Enqueue(SendClip([](v1::GenerateResponse* response) {
    if (response->has_finished()) response->mutable_finished()->set_sha256("wrong");
  }));
  const auto report = RunJson({"-c", "4", "-n", "40", "--seed", "100"});
  EXPECT_EQ(report["requests"], 40);
  EXPECT_EQ(report["succeeded"], 37);
  EXPECT_EQ(report["failed"], 3);
  EXPECT_EQ(report["errors"]["RESOURCE_EXHAUSTED"], 1);
  EXPECT_EQ(report["errors"]["INTERNAL"], 1);
  EXPECT_EQ(report["errors"]["DATA_LOSS"], 1);
  EXPECT_EQ(report["real_time_factor"]["p50"], 0.5);
  EXPECT_EQ(report["audio_seconds"], 37 * 3.0);
  EXPECT_EQ(server.requests().size(), 40u) << "load must not try again";
}

TEST_F(LoadTest, OpenLoopStartsAllCalls) {
  const auto report = RunJson({"--rate", "2000", "-n", "50"});
  EXPECT_EQ(report["succeeded"], 50);
  EXPECT_EQ(report["first_audio_seconds"]["count"], 50);
}

TEST_F(LoadTest, CancelsAllWhenTold) {
  for (int i = 0; i < 30; ++i) server.Enqueue(SendUntilCancelled([] {}));
  const auto report = RunJson({"-c", "3", "-n", "30", "--cancel-fraction", "1"});
  EXPECT_EQ(report["cancelled"], 30);
  EXPECT_EQ(report["failed"], 0);
}

TEST_F(LoadTest, InterruptCancelsWhatRunsAndReports) {
  for (int i = 0; i < 3; ++i) {
    server.Enqueue(SendUntilCancelled([this, i] {
      if (i == 2) interrupt.Raise(SIGINT);
    }));
  }
  const auto report = RunJson({"-c", "3", "-n", "1000"}, kExitInterrupted);
  EXPECT_EQ(report["succeeded"], 0);
  EXPECT_EQ(report["errors"]["CANCELLED"], report["requests"]);
}

TEST_F(LoadTest, FailsWithTheCommonestErrorWhenNothingSucceeds) {
  for (int i = 0; i < 3; ++i) server.Enqueue(FailWith({StatusCode::RESOURCE_EXHAUSTED, "full"}));
  EXPECT_EQ(RunJson({"-n", "3"}, kExitExhausted)["failed"], 3);
}

TEST_F(LoadTest, TextReportHasTheTable) {
  EXPECT_EQ(Run({"load", "-n", "2"}), kExitOk);
  EXPECT_THAT(out.str(), HasSubstr("2 requests"));
  EXPECT_THAT(out.str(), HasSubstr("first audio"));
  EXPECT_THAT(out.str(), HasSubstr("p99"));
}

TEST_F(LoadTest, RefusesBothLoopsAtOnce) {
  EXPECT_EQ(Run({"load", "-c", "2", "--rate", "1"}), kExitUsage);
}

}  // namespace
}  // namespace magnet::client
