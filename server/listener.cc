#include "server/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace magnet {
namespace {

// Files, models' libraries, metrics and logs.
constexpr rlim_t kOtherFiles = 256;
constexpr int kMaxEvents = 64;
constexpr absl::Duration kPauseWithoutFiles = absl::Milliseconds(100);

// A connection takes a descriptor of gRPC's and one of ours.
absl::Status AllowOpenFiles(int connections) {
  const rlim_t needed = 2 * static_cast<rlim_t>(connections) + kOtherFiles;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return absl::OkStatus();
  if (limit.rlim_max < needed) {
    return absl::ResourceExhaustedError(absl::StrCat("max-connections: ", connections, " need ",
                                                     needed, " open files, the limit is ",
                                                     limit.rlim_max, " (ulimit -n)"));
  }
  limit.rlim_cur = needed;
  setrlimit(RLIMIT_NOFILE, &limit);
  return absl::OkStatus();
}

bool AddToEpoll(const FileDescriptor& epoll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

// What gRPC sets on connections that it accepts itself. Small messages leave at once; data that a
// peer's machine does not acknowledge ends the connection, where keepalive could not: its ping
// would wait behind that data. Sockets that are not TCP refuse both, which does no harm.
void SetTcpOptions(const FileDescriptor& connection, absl::Duration unacknowledged) {
  const int no_delay = 1;
  const auto timeout_ms = static_cast<unsigned int>(absl::ToInt64Milliseconds(unacknowledged));
  setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  setsockopt(connection.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

}  // namespace

Listener::Listener(ListenSockets sockets, const ConnectionLimits& limits, Metrics& metrics)
    : sockets_(std::move(sockets)),
      limits_(limits),
      metrics_(metrics),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC)) {
  AddToEpoll(epoll_, wake_.get(), EPOLLIN);
  for (const FileDescriptor& socket : sockets_.sockets) {
    AddToEpoll(epoll_, socket.get(), EPOLLIN);
  }
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::string& address,
                                                         const ConnectionLimits& limits,
                                                         Metrics& metrics) {
  if (absl::Status status = AllowOpenFiles(limits.max_connections); !status.ok()) return status;
  auto sockets = OpenListenSockets(address);
  if (!sockets.ok()) {
    return absl::Status(sockets.status().code(),
                        absl::StrCat("listen: ", sockets.status().message()));
  }
  return std::unique_ptr<Listener>(new Listener(*std::move(sockets), limits, metrics));
}

Listener::~Listener() { Stop(); }

void Listener::Start(std::unique_ptr<Acceptor> acceptor) {
  acceptor_ = std::move(acceptor);
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  if (thread_.joinable()) {
    eventfd_write(wake_.get(), 1);
    thread_.join();
  }
  acceptor_.reset();
  watches_.clear();
  metrics_.SetConnections(0);
  if (!sockets_.unix_path.empty() && !sockets_.sockets.empty()) {
    unlink(sockets_.unix_path.c_str());
  }
  sockets_.sockets.clear();
}

void Listener::Run() {
  std::vector<epoll_event> events(kMaxEvents);
  for (;;) {
    const int count = epoll_wait(epoll_.get(), events.data(), kMaxEvents, /*timeout=*/-1);
    std::vector<int> waiting;
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) return;
      if (watches_.count(fd) > 0) {
        Forget(fd);
      } else {
        waiting.push_back(fd);
      }
    }
    // After the places that have become free.
    for (int socket : waiting) Accept(socket);
  }
}

void Listener::Accept(int socket) {
  FileDescriptor connection(accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connection.is_open()) {
    // Nothing can be done about it here, and the socket stays readable.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      absl::SleepFor(kPauseWithoutFiles);
    }
    return;
  }
  if (static_cast<int>(watches_.size()) >= limits_.max_connections || !Watch(connection)) {
    return metrics_.CountRefusedConnection();
  }
  SetTcpOptions(connection, limits_.unacknowledged);
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = socket;
  parameters.fd = connection.release();
  acceptor_->HandleNewConnection(&parameters);
}

bool Listener::Watch(const FileDescriptor& connection) {
  FileDescriptor watch(fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  // No events are asked for: a hang-up and an error are always reported.
  if (!watch.is_open() || !AddToEpoll(epoll_, watch.get(), 0)) return false;
  const int fd = watch.get();
  watches_[fd] = std::move(watch);
  metrics_.SetConnections(static_cast<int>(watches_.size()));
  return true;
}

// Removed explicitly: epoll watches the connection, which gRPC may still hold open.
void Listener::Forget(int watch) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch, nullptr);
  watches_.erase(watch);
  metrics_.SetConnections(static_cast<int>(watches_.size()));
}

}  // namespace magnet
