// Calls of a Generator by which no exception passes. An engine turns its own into
// statuses; what slips through ends one request instead of the server.
#ifndef MAGNET_SERVER_GUARDED_GENERATOR_H_
#define MAGNET_SERVER_GUARDED_GENERATOR_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/generator.h"

namespace magnet {

// As the methods of Generator and PendingAudio; an exception becomes INTERNAL with reason
// GENERATION_FAILED, for a step the status of the whole batch.
absl::StatusOr<std::unique_ptr<Generation>> GuardedBegin(Generator& generator,
                                                         const GenerationSpec& spec);
std::vector<absl::Status> GuardedStep(Generator& generator, absl::Span<Generation* const> batch);
absl::StatusOr<std::unique_ptr<PendingAudio>> GuardedStartAudio(Generator& generator,
                                                                Generation& generation,
                                                                int max_frames);
absl::StatusOr<std::vector<float>> GuardedTake(PendingAudio& audio);

}  // namespace magnet

#endif  // MAGNET_SERVER_GUARDED_GENERATOR_H_
