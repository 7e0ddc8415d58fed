// Accepts the connections of the gRPC service, up to a limit, and hands them to
// gRPC.
//
// gRPC's own listeners take any number of connections, and each costs memory and
// file descriptors before a single call is checked. So the sockets are ours: a
// connection beyond the limit is closed as soon as it is accepted, which clients
// see as UNAVAILABLE. That a connection has ended is seen on a duplicate of its
// descriptor, which reports a hang-up once gRPC has shut it down.
#ifndef MAGNET_SERVER_LISTENER_H_
#define MAGNET_SERVER_LISTENER_H_

#include <grpcpp/server_builder.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/file_descriptor.h"
#include "server/listen_socket.h"
#include "server/metrics.h"

namespace magnet {

struct ConnectionLimits {
  int max_connections = 1;  // > 0; more are closed as soon as they are made
  // Data that a peer's machine has not acknowledged for so long ends its connection.
  absl::Duration unacknowledged = absl::Seconds(10);
};

class Listener {
 public:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

  // Listens as OpenListenSockets does; connections wait until Start. Raises the
  // process's limit of open files as far as the connections need it;
  // RESOURCE_EXHAUSTED when it cannot be raised so far.
  // `metrics` must outlive the listener.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& address,
                                                        const ConnectionLimits& limits,
                                                        Metrics& metrics);

  // Stops.
  ~Listener();

  // Accepts from now on, on a thread of its own. Call once, when gRPC's server runs.
  void Start(std::unique_ptr<Acceptor> acceptor);

  // Closes the sockets, not the connections.
  void Stop();

  // With a real port number.
  const std::string& address() const { return sockets_.address; }

 private:
  Listener(ListenSockets sockets, const ConnectionLimits& limits, Metrics& metrics);

  void Run();
  void Accept(int socket);
  bool Watch(const FileDescriptor& connection);
  void Forget(int watch);

  ListenSockets sockets_;
  const ConnectionLimits limits_;
  Metrics& metrics_;
  const FileDescriptor epoll_;
  const FileDescriptor wake_;              // readable when the thread is to end
  std::map<int, FileDescriptor> watches_;  // duplicates of open connections; the thread's
  std::unique_ptr<Acceptor> acceptor_;
  std::thread thread_;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_LISTENER_H_
