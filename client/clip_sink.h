// Where the audio of one clip goes: a file, standard output, a player, or some
// of them.
#ifndef MAGNET_CLIENT_CLIP_SINK_H_
#define MAGNET_CLIENT_CLIP_SINK_H_

#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/interrupt.h"
#include "client/output_file.h"
#include "client/player.h"

namespace magnet::client {

struct ClipSinkOptions {
  bool to_file = false;
  std::string folder_of;        // a path in the folder of the file; see OutputFile::Create
  std::ostream* out = nullptr;  // bytes go there as they come; null: nowhere
  std::string player_command;   // for /bin/sh; empty: none
};

// Not thread-safe. Destroyed before Finish(), it leaves no file and stops the
// player.
class ClipSink {
 public:
  static absl::StatusOr<std::unique_ptr<ClipSink>> Open(const ClipSinkOptions& options);

  absl::Status Append(const std::string& data);

  // The clip is complete: gives the file its name, if there is one, and waits
  // until the player is done or `interrupt` stops it.
  absl::Status Finish(const std::string& path, Interrupt* interrupt);

 private:
  std::unique_ptr<OutputFile> file_;
  std::ostream* out_ = nullptr;
  std::unique_ptr<Player> player_;
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CLIP_SINK_H_
