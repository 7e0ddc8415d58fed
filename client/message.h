// What all commands say in the same way.
#ifndef MAGNET_CLIENT_MESSAGE_H_
#define MAGNET_CLIENT_MESSAGE_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/environment.h"
#include "client/option_table.h"

namespace magnet::client {

// "magnet-client: MESSAGE" on stderr.
void PrintError(const Environment& environment, const std::string& message);

// A command line or a file it names is wrong: says so, points to --help, and
// returns kExitUsage or, for a file or player that is not there, kExitLocal.
int FailToStart(const Environment& environment, const std::string& command,
                const absl::Status& status);

// Prints the call's error with its details, and to `json`, if not null, as
// {"error": ...}. Returns the exit code.
int FailCall(const Environment& environment, const grpc::Status& status, std::ostream* json);

// "MESSAGE; trying again in 2.0 s".
std::string RetryNote(const grpc::Status& status, absl::Duration delay);

// --help.
OptionGroup HelpOptionGroup();

// --no-retry.
Option NoRetryOption();

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_MESSAGE_H_
