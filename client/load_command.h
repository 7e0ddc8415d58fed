// magnet-client load: what a server can bear.
#ifndef MAGNET_CLIENT_LOAD_COMMAND_H_
#define MAGNET_CLIENT_LOAD_COMMAND_H_

#include "client/environment.h"
#include "client/option_table.h"
#include "client/parsed_options.h"

namespace magnet::client {

Command LoadCommand();

// Returns kExitOk when a clip succeeded or none was meant to; otherwise the
// exit code of the commonest error. The report is printed either way.
int RunLoad(const ParsedOptions& options, const Environment& environment);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_LOAD_COMMAND_H_
