// The command that has a language model play over the codes of real clips.
#ifndef MAGNET_TRAIN_REGENERATE_COMMAND_H_
#define MAGNET_TRAIN_REGENERATE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace magnet {

// magnet-train regenerate: codes of real clips (code_shards.h), most of whose frames a
// bundle's language model then generates anew between the ones that are kept, to codes in
// the same format. What it makes is the real clip still, as far as the model can tell: a
// codec's decoder learns from such pairs what to make of codes that no encoder has written
// (regenerated_clips.h).
absl::Status RunRegenerate(const std::vector<std::string>& arguments);

}  // namespace magnet

#endif  // MAGNET_TRAIN_REGENERATE_COMMAND_H_
