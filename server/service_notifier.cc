#include "server/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "model/file_descriptor.h"

namespace magnet {
namespace {

absl::Status Unreachable(const std::string& socket, const char* why) {
  return absl::UnavailableError(
      absl::StrCat("NOTIFY_SOCKET: cannot tell the service manager at ", socket, ": ", why));
}

// The manager compares this with its own reading of the same clock.
absl::Duration MonotonicTime() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

std::string ServiceNotifier::SocketOfEnvironment() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  return socket == nullptr ? "" : socket;
}

absl::Status ServiceNotifier::Ready(const std::string& text) {
  ready_ = true;
  return Send(absl::StrCat("READY=1\nSTATUS=", text, "\n"));
}

absl::Status ServiceNotifier::ReloadStarted() {
  if (!ready_) return absl::OkStatus();
  return Send(absl::StrCat(
      "RELOADING=1\nMONOTONIC_USEC=", absl::ToInt64Microseconds(MonotonicTime()), "\n"));
}

absl::Status ServiceNotifier::ReloadEnded() {
  return ready_ ? Send("READY=1\n") : absl::OkStatus();
}

absl::Status ServiceNotifier::Stopping(absl::Duration longest) {
  return Send(absl::StrCat("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=",
                           absl::ToInt64Microseconds(longest), "\n"));
}

absl::Status ServiceNotifier::Send(const std::string& message) const {
  if (socket_.empty()) return absl::OkStatus();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_[0] != '/' && socket_[0] != '@') {
    return Unreachable(socket_, "expected an absolute path, or a name after @");
  }
  if (socket_.size() >= sizeof(address.sun_path)) return Unreachable(socket_, "name too long");
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  // Without a final zero: in an abstract name it would be one more character.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());

  const FileDescriptor sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, /*protocol=*/0));
  if (!sender.is_open()) return Unreachable(socket_, std::strerror(errno));
  const ssize_t sent =
      sendto(sender.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address), length);
  return sent < 0 ? Unreachable(socket_, std::strerror(errno)) : absl::OkStatus();
}

}  // namespace magnet
