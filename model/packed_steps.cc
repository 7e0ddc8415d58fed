#include "model/packed_steps.h"

#include "model/clip_generation.h"
#include "model/torch_errors.h"

namespace magnet {

std::vector<absl::Status> StepTogether(PackedTransformer& transformer,
                                       absl::Span<Generation* const> batch) {
  std::vector<absl::Status> statuses(batch.size());
  std::vector<StepRequest> requests;
  std::vector<size_t> members;  // the generations of the requests
  const torch::InferenceMode inference;
  for (size_t i = 0; i < batch.size(); ++i) {
    statuses[i] = CatchTorchErrors("preparing a step", [&] {
      auto request = static_cast<ClipGeneration*>(batch[i])->PrepareStep();
      if (!request.ok()) return request.status();
      requests.push_back(*request);
      members.push_back(i);
      return absl::OkStatus();
    });
  }
  if (requests.empty()) return statuses;
  std::vector<std::vector<SampledToken>> tokens;
  const absl::Status stepped = CatchTorchErrors("decoding step", [&] {
    tokens = transformer.Step(requests);
    return absl::OkStatus();
  });
  for (size_t j = 0; j < members.size(); ++j) {
    auto* const clip = static_cast<ClipGeneration*>(batch[members[j]]);
    statuses[members[j]] = stepped.ok() ? clip->FinishStep(tokens[j]) : stepped;
  }
  return statuses;
}

}  // namespace magnet
