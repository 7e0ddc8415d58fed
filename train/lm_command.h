// The command that trains a language model.
#ifndef MAGNET_TRAIN_LM_COMMAND_H_
#define MAGNET_TRAIN_LM_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace magnet {

// magnet-train lm: trains as lm_trainer.h says and writes <output>/bundle. CANCELLED
// after Ctrl-C, with the bundle of what has been reached.
absl::Status RunLm(const std::vector<std::string>& arguments);

}  // namespace magnet

#endif  // MAGNET_TRAIN_LM_COMMAND_H_
