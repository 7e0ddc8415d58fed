#ifndef MAGNET_MODEL_CLI_CODEC_COMMAND_H_
#define MAGNET_MODEL_CLI_CODEC_COMMAND_H_

#include <CLI/App.hpp>

#include "absl/status/status.h"

namespace magnet {

// Add `encode` (audio to codes) and `decode` (codes to audio) to `app`; running
// one sets `status`, which must outlive `app`.
void AddEncodeCommand(CLI::App& app, absl::Status& status);
void AddDecodeCommand(CLI::App& app, absl::Status& status);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_CODEC_COMMAND_H_
