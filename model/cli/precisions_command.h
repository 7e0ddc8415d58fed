#ifndef MAGNET_MODEL_CLI_PRECISIONS_COMMAND_H_
#define MAGNET_MODEL_CLI_PRECISIONS_COMMAND_H_

#include <CLI/App.hpp>

#include "absl/status/status.h"

namespace magnet {

// Adds `precisions` to `app`: how long a clip takes on this CPU in each of PrecisionsOfCpu(),
// and how many tokens differ from float32's. Running it sets `status`, which must outlive `app`.
void AddPrecisionsCommand(CLI::App& app, absl::Status& status);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_PRECISIONS_COMMAND_H_
