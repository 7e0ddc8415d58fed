// Shell completion made from the option table.
#ifndef MAGNET_CLIENT_COMPLETION_H_
#define MAGNET_CLIENT_COMPLETION_H_

#include <string>

#include "client/option_table.h"

namespace magnet::client {

// A bash script that completes commands, options, choices and file names when
// sourced: source <(magnet-client completion bash).
std::string BashCompletion(const Program& program);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_COMPLETION_H_
