// A connection that speaks bytes, for clients that no library would make.
#ifndef MAGNET_TESTS_INTEGRATION_RAW_CONNECTION_H_
#define MAGNET_TESTS_INTEGRATION_RAW_CONNECTION_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "model/file_descriptor.h"

namespace magnet::testing {

// One HTTP/2 frame; `payload` is shorter than 64 KiB.
inline std::string Http2Frame(int type, int flags, int stream, const std::string& payload) {
  const size_t size = payload.size();
  std::string frame = {static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8),
                       static_cast<char>(size),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       static_cast<char>(stream)};
  return frame + payload;
}

// What a client says first: the preface and its (empty) settings.
inline std::string Http2Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Frame(/*type=*/4, 0, 0, "");
}

class RawConnection {
 public:
  // "127.0.0.1:PORT" or "unix:PATH".
  explicit RawConnection(const std::string& address) {
    if (address.rfind("unix:", 0) == 0) {
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      std::strncpy(name.sun_path, address.c_str() + 5, sizeof name.sun_path - 1);
      Connect(AF_UNIX, name);
    } else {
      sockaddr_in name{};
      name.sin_family = AF_INET;
      name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const int port = std::atoi(address.c_str() + address.rfind(':') + 1);
      name.sin_port = htons(static_cast<uint16_t>(port));
      Connect(AF_INET, name);
    }
  }

  // The server may have closed already: that is no error.
  void Send(const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count =
          send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0) return;
      sent += static_cast<size_t>(count);
    }
  }

  // Nothing more is sent.
  void EndSending() { shutdown(socket_.get(), SHUT_WR); }

  // Reads until the server closes; false when it says nothing for 30 s instead.
  [[nodiscard]] bool ReadToTheEnd() {
    char buffer[4096];
    for (;;) {
      const ssize_t count = recv(socket_.get(), buffer, sizeof buffer, 0);
      if (count == 0) return true;
      if (count < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
    }
  }

  // Reads until `text` has come; false when the stream ends before.
  [[nodiscard]] bool ReadUntil(const std::string& text) {
    std::string received;
    char buffer[4096];
    while (received.find(text) == received.npos) {
      const ssize_t count = recv(socket_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return false;
      received.append(buffer, static_cast<size_t>(count));
    }
    return true;
  }

 private:
  template <typename Name>
  void Connect(int family, const Name& name) {
    socket_ = FileDescriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience = {.tv_sec = 30, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0)
        << std::strerror(errno);
  }

  FileDescriptor socket_;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_INTEGRATION_RAW_CONNECTION_H_
