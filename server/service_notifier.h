// Tells the service manager where the process stands: the notification protocol of
// sd_notify(3), which systemd asks of units of Type=notify. Every message is one
// datagram of VARIABLE=value lines.
#ifndef MAGNET_SERVER_SERVICE_NOTIFIER_H_
#define MAGNET_SERVER_SERVICE_NOTIFIER_H_

#include <atomic>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace magnet {

// Thread-safe. Sending does not wait; UNAVAILABLE names the socket that could not be
// reached, and nothing is sent again.
class ServiceNotifier {
 public:
  // `socket`: an absolute path, or "@" and a name of the abstract namespace; empty,
  // which is how it is without a service manager: nothing is ever sent.
  explicit ServiceNotifier(std::string socket) : socket_(std::move(socket)) {}

  // The value of NOTIFY_SOCKET, or empty.
  static std::string SocketOfEnvironment();

  // The service takes requests. `text` is shown by `systemctl status`: one line.
  absl::Status Ready(const std::string& text);

  // Around a reload. Nothing is sent before Ready: it would end the start too early.
  absl::Status ReloadStarted();
  absl::Status ReloadEnded();

  // The service finishes what it has accepted, within `longest`, even where the
  // manager's own limit is shorter.
  absl::Status Stopping(absl::Duration longest);

 private:
  absl::Status Send(const std::string& message) const;

  const std::string socket_;
  std::atomic<bool> ready_ = false;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_SERVICE_NOTIFIER_H_
