// The whole program, without its process.
#ifndef MAGNET_CLIENT_CLIENT_PROGRAM_H_
#define MAGNET_CLIENT_CLIENT_PROGRAM_H_

#include <string>
#include <vector>

#include "client/environment.h"
#include "client/option_table.h"

namespace magnet::client {

// Its commands and options.
Program ClientProgram();

// Runs a command line, without the program's name, and returns the exit code.
// Blocks until done.
int RunClient(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CLIENT_PROGRAM_H_
