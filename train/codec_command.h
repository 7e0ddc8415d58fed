// The command that trains a codec.
#ifndef MAGNET_TRAIN_CODEC_COMMAND_H_
#define MAGNET_TRAIN_CODEC_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace magnet {

// magnet-train codec: trains as codec_trainer.h says and writes <output>/codec.
// CANCELLED after Ctrl-C, with the codec that has been reached.
absl::Status RunCodec(const std::vector<std::string>& arguments);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODEC_COMMAND_H_
