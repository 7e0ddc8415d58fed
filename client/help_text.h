// What --help prints.
#ifndef MAGNET_CLIENT_HELP_TEXT_H_
#define MAGNET_CLIENT_HELP_TEXT_H_

#include <string>

#include "client/option_table.h"

namespace magnet::client {

// The program's commands, exit codes and environment.
std::string ProgramHelp(const Program& program, int width);

// One command: usage, description, options by group, examples. Wrapped to
// `width` columns, at least 40.
std::string CommandHelp(const Program& program, const Command& command, int width);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_HELP_TEXT_H_
