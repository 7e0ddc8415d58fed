#include "train/cli/command.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace magnet {
namespace {

constexpr int kFailed = 1, kWrongUsage = 2, kInterrupted = 130;

std::string Usage(const std::vector<Command>& commands) {
  std::string text = "usage: magnet-train COMMAND [options]\n\n";
  for (const Command& command : commands) {
    absl::StrAppend(&text, absl::StrFormat("  %-10s %s\n", command.name, command.summary));
  }
  return text + "\nmagnet-train COMMAND --help lists the options of a command.\n";
}

int ExitStatus(const absl::Status& status) {
  if (status.ok()) return 0;
  // Who pressed Ctrl-C has met no error.
  const char* const kind = absl::IsCancelled(status) ? "" : "error: ";
  std::cerr << "magnet-train: " << kind << status.message() << "\n";
  if (absl::IsInvalidArgument(status)) return kWrongUsage;
  return absl::IsCancelled(status) ? kInterrupted : kFailed;
}

}  // namespace

int RunCommand(const std::vector<Command>& commands, int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h") {
    std::cout << Usage(commands);
    return 0;
  }
  const auto command = std::find_if(commands.begin(), commands.end(),
                                    [&](const Command& c) { return c.name == name; });
  if (command == commands.end()) {
    if (!name.empty()) std::cerr << "magnet-train: error: unknown command '" << name << "'\n";
    std::cerr << Usage(commands);
    return kWrongUsage;
  }
  return ExitStatus(command->run({argv + 2, argv + argc}));
}

}  // namespace magnet
