#include "server/request_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace magnet {
namespace {

TEST(RequestLogTest, OneLineOfJsonPerRequest) {
  std::ostringstream out;
  RequestLog log(out, /*with_prompts=*/false);
  RequestRecord record;
  record.end = absl::UnixEpoch() + absl::Milliseconds(1500);
  record.request_id = "id\n1";
  record.model = "m";
  record.status = absl::ResourceExhaustedError("full");
  record.audio_seconds = 2.5;
  record.prompt = "a secret";
  log.Write(record);
  const std::string line = out.str();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(json["request_id"], "id\n1");
  EXPECT_EQ(json["code"], "RESOURCE_EXHAUSTED");
  EXPECT_EQ(json["message"], "full");
  EXPECT_EQ(json["audio_seconds"], 2.5);
  EXPECT_EQ(line.find("secret"), line.npos) << "a prompt was written though nobody asked";
}

TEST(RequestLogTest, PromptsWhenAskedEvenIfTheyAreNoUtf8) {
  std::ostringstream out;
  RequestLog log(out, /*with_prompts=*/true);
  RequestRecord record;
  record.prompt = "caf\xff";
  log.Write(record);
  EXPECT_EQ(nlohmann::json::parse(out.str())["prompt"], "caf\uFFFD");
}

// Takes nothing while it is full.
class FullableBuffer : public std::stringbuf {
 public:
  bool full = false;

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return full ? 0 : std::stringbuf::xsputn(text, size);
  }
  int_type overflow(int_type c) override {
    return full ? traits_type::eof() : std::stringbuf::overflow(c);
  }
};

// If it fails, one full disk ends the log of a server for ever.
TEST(RequestLogTest, GoesOnAfterAFullDiskAndSaysWhatIsMissing) {
  FullableBuffer buffer;
  std::ostream out(&buffer);
  RequestLog log(out, /*with_prompts=*/false);
  buffer.full = true;
  log.Event(absl::UnixEpoch(), "one");
  log.Event(absl::UnixEpoch(), "two");
  buffer.full = false;
  log.Event(absl::UnixEpoch(), "three");
  log.Event(absl::UnixEpoch(), "four");
  std::istringstream lines(buffer.str());
  std::vector<std::string> messages;
  for (std::string line; std::getline(lines, line);) {
    messages.push_back(nlohmann::json::parse(line)["message"]);
  }
  EXPECT_EQ(messages, (std::vector<std::string>{"2 lines of this log could not be written", "three",
                                                "four"}));
}

}  // namespace
}  // namespace magnet
