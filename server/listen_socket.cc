#include "server/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace magnet {
namespace {

constexpr char kUnixPrefix[] = "unix:";

absl::Status ListenError(const std::string& address, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", std::strerror(error)));
}

absl::Status NotAnAddress(const std::string& address) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected HOST:PORT or unix:PATH, found \"", address, "\""));
}

void Enable(int socket, int level, int option, int value = 1) {
  setsockopt(socket, level, option, &value, sizeof value);
}

// 0 or an errno.
int BindAndListen(const FileDescriptor& socket, const sockaddr* address, socklen_t size) {
  if (!socket.is_open() || bind(socket.get(), address, size) != 0 ||
      listen(socket.get(), SOMAXCONN) != 0) {
    return errno;
  }
  return 0;
}

absl::StatusOr<ListenSockets> OpenUnix(const std::string& address) {
  const std::string path(absl::StripPrefix(address, kUnixPrefix));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path) return NotAnAddress(address);
  std::memcpy(name.sun_path, path.data(), path.size());
  struct stat found;
  if (stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) unlink(path.c_str());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int error = BindAndListen(socket, reinterpret_cast<sockaddr*>(&name), sizeof name);
  if (error != 0) return ListenError(address, error);
  ListenSockets result{.sockets = {}, .address = address, .unix_path = path};
  result.sockets.push_back(std::move(socket));
  return result;
}

struct HostPort {
  std::string host;
  int port = 0;
};

absl::StatusOr<HostPort> SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  HostPort result;
  if (colon == address.npos || !absl::SimpleAtoi(address.substr(colon + 1), &result.port) ||
      result.port < 0 || result.port > 65535) {
    return NotAnAddress(address);
  }
  result.host = address.substr(0, colon);
  const bool has_brackets = !result.host.empty() && result.host.front() == '[';
  if (has_brackets != (result.host.find(':') != result.host.npos)) return NotAnAddress(address);
  if (!has_brackets) return result;
  if (result.host.back() != ']') return NotAnAddress(address);
  result.host = result.host.substr(1, result.host.size() - 2);
  return result;
}

// Both families have the port at the same place.
in_port_t& PortOf(sockaddr* address) { return reinterpret_cast<sockaddr_in*>(address)->sin_port; }

int BoundPort(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(PortOf(reinterpret_cast<sockaddr*>(&name)));
}

FileDescriptor TcpSocket(int family, bool only_this_family) {
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return socket;
  Enable(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  // Inherited by the connections.
  Enable(socket.get(), IPPROTO_TCP, TCP_NODELAY);
  if (family == AF_INET6) Enable(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, only_this_family);
  return socket;
}

struct AddressListDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

absl::StatusOr<ListenSockets> OpenTcp(const std::string& address) {
  auto target = SplitAddress(address);
  if (!target.ok()) return target.status();
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(target->host.empty() ? nullptr : target->host.c_str(),
                                  absl::StrCat(target->port).c_str(), &hints, &found);
  if (failure != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", gai_strerror(failure)));
  }
  const std::unique_ptr<addrinfo, AddressListDeleter> list(found);
  ListenSockets result;
  int first_error = 0;
  int port = target->port;
  for (addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    PortOf(entry->ai_addr) = htons(static_cast<in_port_t>(port));
    FileDescriptor socket = TcpSocket(entry->ai_family, /*only_this_family=*/target->host != "::");
    const int error = BindAndListen(socket, entry->ai_addr, entry->ai_addrlen);
    if (error == EADDRINUSE || error == EACCES) return ListenError(address, error);
    if (error != 0) {
      if (first_error == 0) first_error = error;
      continue;
    }
    port = BoundPort(socket.get());
    result.sockets.push_back(std::move(socket));
  }
  if (result.sockets.empty()) return ListenError(address, first_error);
  result.address = absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
  return result;
}

}  // namespace

absl::StatusOr<ListenSockets> OpenListenSockets(const std::string& address) {
  return address.rfind(kUnixPrefix, 0) == 0 ? OpenUnix(address) : OpenTcp(address);
}

}  // namespace magnet
