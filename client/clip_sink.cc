#include "client/clip_sink.h"

#include <utility>

namespace magnet::client {

absl::StatusOr<std::unique_ptr<ClipSink>> ClipSink::Open(const ClipSinkOptions& options) {
  auto sink = std::make_unique<ClipSink>();
  sink->out_ = options.out;
  if (options.to_file) {
    auto file = OutputFile::Create(options.folder_of);
    if (!file.ok()) return file.status();
    sink->file_ = *std::move(file);
  }
  if (!options.player_command.empty()) {
    auto player = Player::Start(options.player_command);
    if (!player.ok()) return player.status();
    sink->player_ = *std::move(player);
  }
  return sink;
}

absl::Status ClipSink::Append(const std::string& data) {
  if (player_ != nullptr) player_->Append(data);
  if (out_ != nullptr && !out_->write(data.data(), data.size()).flush()) {
    return absl::UnavailableError("cannot write to standard output");
  }
  return file_ == nullptr ? absl::OkStatus() : file_->Append(data);
}

absl::Status ClipSink::Finish(const std::string& path, Interrupt* interrupt) {
  if (file_ != nullptr) {
    if (auto status = file_->Commit(path); !status.ok()) return status;
  }
  if (player_ == nullptr) return absl::OkStatus();
  const Interrupt::Handler stop(interrupt, [this] { player_->Stop(); });
  return player_->Finish();
}

}  // namespace magnet::client
