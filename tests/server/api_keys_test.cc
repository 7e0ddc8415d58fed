#include "server/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "server/status_conversion.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

// SHA-256 of "secret" and of "other".
constexpr char kSecretHash[] = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
constexpr char kOtherHash[] = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

std::string Entry(const std::string& name, const std::string& hash) {
  return "  - {name: " + name + ", sha256: " + hash + ", max_running: 2, max_waiting: 5}\n";
}

class ApiKeysTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  void TearDown() override { std::remove(path_.c_str()); }

  const std::string path_ = ::testing::TempDir() + "/keys_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".yaml";
};

TEST_F(ApiKeysTest, KnowsItsKeysAndTheirLimits) {
  Write("keys:\n" + Entry("studio", kSecretHash));
  ApiKeys keys(path_);
  ASSERT_TRUE(keys.Reload().ok());
  auto client = keys.Authenticate("Bearer secret");
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(client->name, "studio");
  EXPECT_EQ(client->max_running, 2);
  EXPECT_EQ(client->max_waiting, 5);
  EXPECT_EQ(ErrorReason(keys.Authenticate("Bearer secre").status()), "KEY_UNKNOWN");
  EXPECT_EQ(ErrorReason(keys.Authenticate("Bearer ").status()), "KEY_UNKNOWN");
  EXPECT_EQ(ErrorReason(keys.Authenticate("secret").status()), "KEY_MISSING");
  EXPECT_EQ(ErrorReason(keys.Authenticate("").status()), "KEY_MISSING");
}

TEST_F(ApiKeysTest, ReloadReplacesKeysButNotByABrokenFile) {
  Write("keys:\n" + Entry("studio", kSecretHash));
  ApiKeys keys(path_);
  ASSERT_TRUE(keys.Reload().ok());
  Write("keys:\n" + Entry("home", kOtherHash));
  ASSERT_TRUE(keys.Reload().ok());
  EXPECT_FALSE(keys.Authenticate("Bearer secret").ok()) << "a withdrawn key still opens the door";
  Write("keys: 7");
  EXPECT_FALSE(keys.Reload().ok());
  EXPECT_TRUE(keys.Authenticate("Bearer other").ok()) << "a broken file locked everyone out";
}

TEST_F(ApiKeysTest, WithoutAFileEveryoneMayCall) {
  ApiKeys keys("");
  ASSERT_TRUE(keys.Reload().ok());
  EXPECT_TRUE(keys.Authenticate("").ok());
}

TEST(ParseApiKeysTest, ErrorsNameTheEntry) {
  const auto message = [](const std::string& yaml) {
    return std::string(ParseApiKeys(yaml).status().message());
  };
  const std::string good = Entry("a", kSecretHash);
  EXPECT_THAT(message("[1"), HasSubstr("not YAML"));
  EXPECT_THAT(message("other: []"), HasSubstr("expected one entry `keys`"));
  EXPECT_THAT(message("keys:\n  - {name: a, sha256: abc}"), HasSubstr("keys[0].sha256"));
  EXPECT_THAT(message("keys:\n" + good + "  - {name: b}"), HasSubstr("keys[1].sha256"));
  EXPECT_THAT(message("keys:\n" + good + Entry("a", kOtherHash)), HasSubstr("there twice"));
  EXPECT_THAT(message("keys:\n" + good + Entry("b", kSecretHash)),
              HasSubstr("is also the key of \"a\""));
  EXPECT_THAT(message("keys:\n  - {nmae: a}"), HasSubstr("unknown key \"nmae\""));
  EXPECT_THAT(message("keys:\n  - {name: a, max_running: -1}"), HasSubstr("keys[0].max_running"));
}

}  // namespace
}  // namespace magnet
