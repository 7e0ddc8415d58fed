// The life of the magnet-server process: command line, signals, exit code.
#ifndef MAGNET_SERVER_SERVER_PROGRAM_H_
#define MAGNET_SERVER_SERVER_PROGRAM_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generator.h"
#include "server/server_config.h"

namespace magnet {

// Loads the bundle in a folder.
using ModelOpener = std::function<absl::StatusOr<std::unique_ptr<Generator>>(
    const std::string& folder, const ServerConfig& config)>;

// Keeps gRPC and Protobuf from printing a line about whatever is malformed: anybody
// could fill the log. GRPC_VERBOSITY, where it is set, decides for gRPC. Call before
// gRPC is first used.
void SilenceLibraries();

// Runs until SIGTERM or SIGINT and returns the exit code: 0 after a shutdown, 1
// when starting failed, 2 for a wrong command line or configuration. A second
// signal ends the process with 1 on the spot. Call from the main thread before any
// other is started: it blocks the signals for all of them.
int RunServerProgram(const std::vector<std::string>& arguments, const ModelOpener& open_model);

}  // namespace magnet

#endif  // MAGNET_SERVER_SERVER_PROGRAM_H_
