#include "server/service_notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace magnet {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

// A service manager's end of the protocol. A datagram on this machine is there as
// soon as it was sent.
class FakeManager {
 public:
  explicit FakeManager(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0)
        << name << ": " << std::strerror(errno);
  }
  ~FakeManager() { close(fd_); }

  // The next message, or nothing.
  std::string Receive() {
    char text[1024];
    const ssize_t size = recv(fd_, text, sizeof(text), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, size);
  }

 private:
  const int fd_;
};

std::string SocketPath() {
  return ::testing::TempDir() + "/notify_" + std::to_string(getpid()) + "_" +
         ::testing::UnitTest::GetInstance()->current_test_info()->name();
}

TEST(ServiceNotifierTest, TellsTheLifeOfAServiceThroughASocketFile) {
  const std::string path = SocketPath();
  FakeManager manager(path);
  ServiceNotifier notifier(path);
  ASSERT_TRUE(notifier.Ready("serving on 127.0.0.1:50051").ok());
  EXPECT_EQ(manager.Receive(), "READY=1\nSTATUS=serving on 127.0.0.1:50051\n")
      << "systemd would wait for the start for ever";
  ASSERT_TRUE(notifier.ReloadStarted().ok());
  EXPECT_THAT(manager.Receive(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\n"));
  ASSERT_TRUE(notifier.ReloadEnded().ok());
  EXPECT_EQ(manager.Receive(), "READY=1\n") << "systemd would show a reload that never ends";
  ASSERT_TRUE(notifier.Stopping(absl::Seconds(130)).ok());
  EXPECT_EQ(manager.Receive(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=130000000\n")
      << "systemd would kill a server that still finishes requests";
  unlink(path.c_str());
}

TEST(ServiceNotifierTest, ReachesAnAbstractSocket) {
  const std::string name = "@magnet_notify_test_" + std::to_string(getpid());
  FakeManager manager(name);
  ASSERT_TRUE(ServiceNotifier(name).Ready("serving").ok());
  EXPECT_THAT(manager.Receive(), StartsWith("READY=1\n"))
      << "the abstract name was sent with a wrong length";
}

TEST(ServiceNotifierTest, AReloadWhileLoadingDoesNotSayReady) {
  const std::string path = SocketPath();
  FakeManager manager(path);
  ServiceNotifier notifier(path);
  ASSERT_TRUE(notifier.ReloadStarted().ok());
  ASSERT_TRUE(notifier.ReloadEnded().ok());
  EXPECT_EQ(manager.Receive(), "") << "units that come after would start before there is a model";
  unlink(path.c_str());
}

TEST(ServiceNotifierTest, WithoutAManagerNothingHappens) {
  ServiceNotifier notifier("");
  EXPECT_TRUE(notifier.Ready("serving").ok());
  EXPECT_TRUE(notifier.Stopping(absl::Seconds(1)).ok());
}

TEST(ServiceNotifierTest, ErrorsNameTheSocket) {
  for (const std::string& socket :
       {std::string("/nowhere/notify"), std::string("relative"), "/" + std::string(200, 'x')}) {
    const absl::Status status = ServiceNotifier(socket).Ready("serving");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << socket;
    EXPECT_THAT(std::string(status.message()), HasSubstr(socket));
  }
}

}  // namespace
}  // namespace magnet
