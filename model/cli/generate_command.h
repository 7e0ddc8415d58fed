#ifndef MAGNET_MODEL_CLI_GENERATE_COMMAND_H_
#define MAGNET_MODEL_CLI_GENERATE_COMMAND_H_

#include <CLI/App.hpp>

#include "absl/status/status.h"

namespace magnet {

// Adds `generate` to `app`; running it sets `status`, which must outlive `app`.
void AddGenerateCommand(CLI::App& app, absl::Status& status);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_GENERATE_COMMAND_H_
