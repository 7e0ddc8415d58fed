#include "server/guarded_generator.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

absl::Status ExceptionStatus(const std::exception& error) {
  return MakeError(absl::StatusCode::kInternal, "GENERATION_FAILED",
                   absl::StrCat("the model threw an exception: ", error.what()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generation>> GuardedBegin(Generator& generator,
                                                         const GenerationSpec& spec) {
  try {
    return generator.Begin(spec);
  } catch (const std::exception& error) {
    return ExceptionStatus(error);
  }
}

std::vector<absl::Status> GuardedStep(Generator& generator, absl::Span<Generation* const> batch) {
  try {
    return generator.Step(batch);
  } catch (const std::exception& error) {
    return std::vector<absl::Status>(batch.size(), ExceptionStatus(error));
  }
}

absl::StatusOr<std::unique_ptr<PendingAudio>> GuardedStartAudio(Generator& generator,
                                                                Generation& generation,
                                                                int max_frames) {
  try {
    return generator.StartAudio(generation, max_frames);
  } catch (const std::exception& error) {
    return ExceptionStatus(error);
  }
}

absl::StatusOr<std::vector<float>> GuardedTake(PendingAudio& audio) {
  try {
    return audio.Take();
  } catch (const std::exception& error) {
    return ExceptionStatus(error);
  }
}

}  // namespace magnet
