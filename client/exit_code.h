// Exit codes of the program, as --help documents them.
#ifndef MAGNET_CLIENT_EXIT_CODE_H_
#define MAGNET_CLIENT_EXIT_CODE_H_

#include <grpcpp/support/status.h>

#include <string>

namespace magnet::client {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,         // the call failed on the server
  kExitUsage = 2,          // the command line is wrong
  kExitUnavailable = 3,    // no server there, or it is not serving
  kExitExhausted = 4,      // queue or limits full, retries included
  kExitInvalid = 5,        // the server refused what the request asks for
  kExitUnauthorized = 6,   // key or certificate missing or refused
  kExitDeadline = 7,       // --timeout ran out
  kExitCorrupt = 8,        // what arrived is not what the server accounts for
  kExitLocal = 9,          // a local file or player failed
  kExitInterrupted = 130,  // Ctrl-C; 143 for SIGTERM
};

// The code for the end of a call. DATA_LOSS, which the client itself reports,
// is kExitCorrupt.
ExitCode ExitCodeOf(grpc::StatusCode code);

// The table of --help.
std::string ExitCodeHelp();

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_EXIT_CODE_H_
