#include "server/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "server/file_text.h"

namespace magnet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const std::vector<std::string>& arguments) {
  return std::string(ParseServerCommand(arguments).status().message());
}

TEST(ServerConfigTest, FlagsInBothForms) {
  auto command =
      ParseServerCommand({"--models", "a", "--models=b", "--listen=0.0.0.0:1", "--insecure",
                          "--max-running", "3", "--no-log-prompts", "--drain-seconds=1.5"});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_THAT(command->config.models, ElementsAre("a", "b"));
  EXPECT_EQ(command->config.listen, "0.0.0.0:1");
  EXPECT_TRUE(command->config.insecure);
  EXPECT_EQ(command->config.max_running, 3);
  EXPECT_FALSE(command->config.log_prompts);
  EXPECT_EQ(command->config.drain_seconds, 1.5);
}

TEST(ServerConfigTest, ErrorsNameTheFlagWhatWasExpectedAndFound) {
  EXPECT_THAT(Message({"--modles", "a"}), HasSubstr("unknown flag --modles"));
  EXPECT_THAT(Message({"--no-models", "a"}), HasSubstr("unknown flag --no-models"));
  EXPECT_THAT(Message({"--max-running", "none"}),
              HasSubstr("--max-running: expected a whole number, found \"none\""));
  EXPECT_THAT(Message({"--max-running=0"}), HasSubstr("at least 1, found \"0\""));
  EXPECT_THAT(Message({"--precision=half"}),
              HasSubstr("expected one of auto, float32, bfloat16, float16"));
  EXPECT_THAT(Message({"--listen"}), HasSubstr("--listen: expected a value, found none"));
  EXPECT_THAT(Message({"models"}), HasSubstr("unexpected argument \"models\""));
}

TEST(ServerConfigTest, YamlHasTheSameOptionsAndFlagsWinOverIt) {
  const std::string path = ::testing::TempDir() + "/server_config_test.yaml";
  std::ofstream(path) << "models: [x, y]\nmax_waiting: 7\ninsecure: true\nlisten: 127.0.0.1:9\n";
  auto command = ParseServerCommand({"--max-waiting=8", "--config", path});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_THAT(command->config.models, ElementsAre("x", "y"));
  EXPECT_EQ(command->config.max_waiting, 8);
  EXPECT_TRUE(command->config.insecure);
  EXPECT_EQ(command->config.listen, "127.0.0.1:9");
  command = ParseServerCommand({"--config", path, "--models", "z"});
  EXPECT_THAT(command->config.models, ElementsAre("z"));
}

TEST(ServerConfigTest, YamlErrorsNameTheKey) {
  const auto message = [](const std::string& yaml) {
    ServerConfig config;
    return std::string(ApplyYaml(yaml, config).message());
  };
  EXPECT_THAT(message("max_wating: 7"), HasSubstr("unknown key \"max_wating\""));
  EXPECT_THAT(message("max_waiting: many"), HasSubstr("max_waiting: expected a whole number"));
  EXPECT_THAT(message("models: one"), HasSubstr("models: expected a list"));
  EXPECT_THAT(message("listen: [a]"), HasSubstr("listen: expected a single value"));
  EXPECT_THAT(message("- a"), HasSubstr("expected a map"));
  EXPECT_THAT(message("{"), HasSubstr("not YAML"));
  EXPECT_EQ(message(""), "");
}

TEST(ServerConfigTest, CheckRefusesWhatCannotBeMeant) {
  const auto message = [](auto change) {
    ServerConfig config;
    config.models = {"/nonexistent"};
    change(config);
    return std::string(CheckServerConfig(config).message());
  };
  EXPECT_THAT(message([](ServerConfig& c) { c.models.clear(); }), HasSubstr("at least one bundle"));
  EXPECT_THAT(message([](ServerConfig& c) { c.listen = "0.0.0.0:50051"; }),
              HasSubstr("in plain text"));
  EXPECT_THAT(message([](ServerConfig& c) { c.listen = "0.0.0.0:50051", c.insecure = true; }),
              HasSubstr("/nonexistent/config.json"));
  EXPECT_THAT(message([](ServerConfig& c) { c.tls_key = "k"; }),
              HasSubstr("expected both or neither"));
  EXPECT_THAT(message([](ServerConfig& c) { c.tls_client_ca = "k"; }), HasSubstr("tls-client-ca"));
  EXPECT_THAT(message([](ServerConfig& c) { c.tls_key = c.tls_certificate = "/none.pem"; }),
              HasSubstr("/none.pem"));
  EXPECT_THAT(message([](ServerConfig& c) { c.api_keys = "/none.yaml"; }), HasSubstr("/none.yaml"));
  EXPECT_THAT(message([](ServerConfig&) {}), HasSubstr("/nonexistent/config.json"));
}

// The help is made from the same table as the flags: an option without a line
// there cannot be found by a person.
TEST(ServerConfigTest, HelpShowsFlagsDefaultsAndFitsATerminal) {
  const std::string help = ServerHelp();
  EXPECT_THAT(help, HasSubstr("--max-waiting N"));
  EXPECT_THAT(help, HasSubstr("[127.0.0.1:50051]"));
  EXPECT_THAT(help, HasSubstr("--check-config"));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(ServerConfigTest, ActionsAreRecognised) {
  EXPECT_EQ(ParseServerCommand({"--help"})->action, ServerAction::kHelp);
  EXPECT_EQ(ParseServerCommand({"--version"})->action, ServerAction::kVersion);
  EXPECT_EQ(ParseServerCommand({"--check-config"})->action, ServerAction::kCheckConfig);
  EXPECT_EQ(ParseServerCommand({})->action, ServerAction::kRun);
}

TEST(ServerConfigTest, TheGuideShowsTheHelpAsItIs) {
  const auto guide = ReadTextFile(MAGNET_SERVING_GUIDE);
  ASSERT_TRUE(guide.ok()) << guide.status();
  EXPECT_THAT(*guide, HasSubstr("```text\n" + ServerHelp() + "```\n"))
      << "put the output of magnet-server --help into docs/serving.md";
}

}  // namespace
}  // namespace magnet
