// magnet-client generate: makes clips and delivers them.
#ifndef MAGNET_CLIENT_GENERATE_COMMAND_H_
#define MAGNET_CLIENT_GENERATE_COMMAND_H_

#include <cstdint>
#include <string>

#include "client/environment.h"
#include "client/option_table.h"
#include "client/parsed_options.h"

namespace magnet::client {

Command GenerateCommand();

// Generates all variations one after the other and stops at the first failure.
// Returns the exit code; everything a person should know has been printed.
int RunGenerate(const ParsedOptions& options, const Environment& environment);

// "out.wav" as variation `index` of `count`, both from 1: "out-1.wav", with
// leading zeros where `count` has more digits; "out.wav" when there is one.
std::string NumberedPath(const std::string& path, int64_t index, int64_t count);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_GENERATE_COMMAND_H_
