// Subcommands of magnet-train.
#ifndef MAGNET_TRAIN_CLI_COMMAND_H_
#define MAGNET_TRAIN_CLI_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace magnet {

// A subcommand of magnet-train.
struct Command {
  absl::string_view name;
  absl::string_view summary;  // one line of the list that --help prints
  // `arguments`: what follows the name.
  absl::Status (*run)(const std::vector<std::string>& arguments);
};

// Runs the command that the first argument names. Returns the exit status: 0; 2
// for a wrong command line (INVALID_ARGUMENT); 130 after Ctrl-C (CANCELLED); 1 for
// anything else. Errors go to stderr.
int RunCommand(const std::vector<Command>& commands, int argc, char** argv);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CLI_COMMAND_H_
