#include "server/listen_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace magnet {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// If this fails, a mistyped address is an error that nobody understands.
TEST(ListenSocketTest, WhatIsNoAddressIsNamed) {
  for (const char* address : {"", "localhost", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                              "::1:50051", "[::1:50051", "[localhost]:1", "unix:"}) {
    const auto sockets = OpenListenSockets(address);
    EXPECT_EQ(sockets.status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(sockets.status().message()), HasSubstr(address));
  }
  EXPECT_EQ(OpenListenSockets("name.invalid:1").status().code(), absl::StatusCode::kUnavailable);
}

TEST(ListenSocketTest, PortZeroIsReplacedByTheRealOne) {
  const auto sockets = OpenListenSockets("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_THAT(sockets->address, StartsWith("127.0.0.1:"));
  EXPECT_NE(sockets->address, "127.0.0.1:0");
  EXPECT_THAT(std::string(OpenListenSockets(sockets->address).status().message()),
              HasSubstr("Address already in use"));
}

TEST(ListenSocketTest, ASocketFileThatIsLeftOverIsReplacedAndOtherFilesAreNot) {
  const std::string path = ::testing::TempDir() + "/listen_socket_test";
  unlink(path.c_str());
  ASSERT_TRUE(OpenListenSockets("unix:" + path).ok());
  EXPECT_TRUE(OpenListenSockets("unix:" + path).ok());
  unlink(path.c_str());
  std::ofstream(path) << "mine";
  EXPECT_EQ(OpenListenSockets("unix:" + path).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::ifstream(path).good());
}

}  // namespace
}  // namespace magnet
