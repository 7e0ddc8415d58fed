// Opens the sockets of an address to listen on.
#ifndef MAGNET_SERVER_LISTEN_SOCKET_H_
#define MAGNET_SERVER_LISTEN_SOCKET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/file_descriptor.h"

namespace magnet {

struct ListenSockets {
  std::vector<FileDescriptor> sockets;  // not blocking, at least one
  std::string address;                  // as asked, with a real port for port 0
  std::string unix_path;                // of a socket file; empty: none
};

// Listens on "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". A name is listened on at
// each of its addresses that this machine has; "[::]" takes IPv4 as well; a socket
// file that is left over is replaced. INVALID_ARGUMENT: not an address;
// UNAVAILABLE: it cannot be listened on, and why.
absl::StatusOr<ListenSockets> OpenListenSockets(const std::string& address);

}  // namespace magnet

#endif  // MAGNET_SERVER_LISTEN_SOCKET_H_
