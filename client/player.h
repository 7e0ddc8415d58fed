// Plays audio with a program that is already installed.
#ifndef MAGNET_CLIENT_PLAYER_H_
#define MAGNET_CLIENT_PLAYER_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// The shell command that plays `format` from its standard input with the first
// player found in `search_path` (folders joined by ':'): ffplay, mpv, pw-play,
// aplay or SoX's play. NOT_FOUND names what could be installed, or that raw
// samples need --player.
absl::StatusOr<std::string> FindPlayer(const std::string& search_path, v1::AudioFormat format);

// A running player. A thread of its own feeds it, so that a player, which takes
// as long as the music lasts, never holds up the server. Append() and Finish()
// from one thread; Stop() from any.
class Player {
 public:
  // Runs `command` in /bin/sh with audio on its standard input. Its standard
  // output goes to standard error. The process must ignore SIGPIPE.
  static absl::StatusOr<std::unique_ptr<Player>> Start(const std::string& command);

  // Stops the player if it still runs.
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Takes the bytes at once and never blocks.
  void Append(const std::string& data);

  // Waits until everything has been played. INTERNAL: the player failed.
  absl::Status Finish();

  // Ends the player and with it Finish().
  void Stop();

 private:
  Player(pid_t process, int pipe) : process_(process), pipe_(pipe) {}
  void Feed();

  const pid_t process_;
  int pipe_;
  std::thread feeder_;
  absl::Mutex mutex_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;   // nothing more will be appended
  bool reaped_ ABSL_GUARDED_BY(mutex_) = false;  // process_ may belong to another
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_PLAYER_H_
