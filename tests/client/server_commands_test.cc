// If these fail, scripts that wait for a server or look at its models break.
#include "client/server_commands.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/client/client_fixture.h"

namespace magnet::client {
namespace {

using ::testing::HasSubstr;
using ServerCommandsTest = ClientFixture;

TEST_F(ServerCommandsTest, ModelsListsTheDefaultFirst) {
  EXPECT_EQ(Run({"models"}), kExitOk) << err.str();
  EXPECT_THAT(out.str(), testing::StartsWith("tiny (default)\n"));
  EXPECT_THAT(out.str(), HasSubstr("\nlarge\n"));
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("computes"))) << "of a server that does not say";
  EXPECT_EQ(Run({"models", "--json"}), kExitOk);
  EXPECT_EQ(nlohmann::json::parse(out.str())["models"][1]["name"], "large");
}

TEST_F(ServerCommandsTest, ModelsDescribesOne) {
  EXPECT_EQ(Run({"models", "tiny"}), kExitOk) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("\n  computes  in int8 on CPU\n"));
  EXPECT_EQ(Run({"models", "huge"}), kExitInvalid);
  EXPECT_THAT(err.str(), HasSubstr("no such model (NOT_FOUND, MODEL_UNKNOWN)"));
}

TEST_F(ServerCommandsTest, HealthSaysItByExitCode) {
  EXPECT_EQ(Run({"health"}), kExitOk);
  EXPECT_EQ(out.str(), "SERVING\n");
  server.set_serving(false);
  EXPECT_EQ(Run({"health", "--json"}), kExitUnavailable);
  EXPECT_EQ(out.str(), "{\"status\":\"NOT_SERVING\"}\n");
  EXPECT_EQ(Run({"health", "-q", "-s", "127.0.0.1:1"}), kExitUnavailable);
  EXPECT_EQ(out.str() + err.str(), "");
  EXPECT_EQ(Run({"health", "nobody"}), kExitInvalid);
}

TEST_F(ServerCommandsTest, HealthWaitsUntilItServes) {
  server.set_serving(false);
  clock.on_sleep = [this] {
    if (clock.sleeps.size() == 3) server.set_serving(true);
    return false;
  };
  EXPECT_EQ(Run({"health", "--wait", "60"}), kExitOk);
  EXPECT_EQ(clock.sleeps.size(), 3u);
  server.set_serving(false);
  EXPECT_EQ(Run({"health", "--wait", "2"}), kExitUnavailable) << "waiting has no end";
}

}  // namespace
}  // namespace magnet::client
