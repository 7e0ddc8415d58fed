// A clip played to its end, for the commands that make one.
#ifndef MAGNET_MODEL_CLI_CLIP_RUN_H_
#define MAGNET_MODEL_CLI_CLIP_RUN_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "model/generator.h"

namespace magnet {

// All samples of a generation. `before_step` is called before every step, and at the end.
absl::StatusOr<std::vector<float>> RunToTheEnd(
    Generator& generator, Generation& generation,
    absl::FunctionRef<void(const GenerationProgress&)> before_step);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_CLIP_RUN_H_
