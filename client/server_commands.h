// magnet-client models and health: what a server has and whether it serves.
#ifndef MAGNET_CLIENT_SERVER_COMMANDS_H_
#define MAGNET_CLIENT_SERVER_COMMANDS_H_

#include "client/environment.h"
#include "client/option_table.h"
#include "client/parsed_options.h"

namespace magnet::client {

Command ModelsCommand();

// Returns the exit code.
int RunModels(const ParsedOptions& options, const Environment& environment);

Command HealthCommand();

// kExitOk when serving, kExitUnavailable when not.
int RunHealth(const ParsedOptions& options, const Environment& environment);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_SERVER_COMMANDS_H_
