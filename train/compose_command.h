// The command that writes a data set of our own.
#ifndef MAGNET_TRAIN_COMPOSE_COMMAND_H_
#define MAGNET_TRAIN_COMPOSE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace magnet {

// magnet-train compose: writes a data set of our own (train/composer/corpus.h).
absl::Status RunCompose(const std::vector<std::string>& arguments);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSE_COMMAND_H_
