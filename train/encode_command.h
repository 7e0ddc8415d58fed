// The command that turns a data set's audio into codes.
#ifndef MAGNET_TRAIN_ENCODE_COMMAND_H_
#define MAGNET_TRAIN_ENCODE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace magnet {

// magnet-train encode: a data set in MusicBench's format to code_shards.h's.
absl::Status RunEncode(const std::vector<std::string>& arguments);

}  // namespace magnet

#endif  // MAGNET_TRAIN_ENCODE_COMMAND_H_
