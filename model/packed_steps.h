// The steps of several clips at once, in one packed pass.
#ifndef MAGNET_MODEL_PACKED_STEPS_H_
#define MAGNET_MODEL_PACKED_STEPS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "model/generator.h"
#include "model/magnet/packed_transformer.h"

namespace magnet {

// As Generator::Step, of generations that are ClipGenerations of the engine that
// `transformer` is part of.
std::vector<absl::Status> StepTogether(PackedTransformer& transformer,
                                       absl::Span<Generation* const> batch);

}  // namespace magnet

#endif  // MAGNET_MODEL_PACKED_STEPS_H_
