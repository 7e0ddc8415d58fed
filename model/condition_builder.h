// From the prompts of a section to what the transformer attends to.
#ifndef MAGNET_MODEL_CONDITION_BUILDER_H_
#define MAGNET_MODEL_CONDITION_BUILDER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/generation_spec.h"
#include "model/magnet/transformer.h"
#include "model/t5/text_conditioner.h"

namespace magnet {

// Whether no prompt has a text.
bool AllEmpty(const std::vector<WeightedPrompt>& prompts);

// Used by one thread (the model thread), like what it points to.
class ConditionBuilder {
 public:
  // `text` is not owned; it must outlive the builder. `packed`: conditions are for
  // packed steps (PackCondition).
  ConditionBuilder(TextConditioner* text, MagnetTransformer transformer, double frame_rate_hz,
                   bool packed)
      : text_(text),
        transformer_(std::move(transformer)),
        frame_rate_hz_(frame_rate_hz),
        packed_(packed) {}

  // Runs the text encoder for the prompts that are not in its cache, so that
  // Build of the same prompts is sure to succeed and costs no encoder pass.
  absl::Status Encode(const std::vector<WeightedPrompt>& prompts);

  // The texts' states side by side, with the logarithm of each weight's share of
  // the largest added to the attention scores of its keys. An empty text is one
  // zero vector. Null where AllEmpty: the null condition. Beats are the likeliest by the
  // weighted sum of the texts' scores; a tempo that a text says in numbers wins (NamedTempo;
  // of several such prompts the heaviest), where the model can play it.
  absl::StatusOr<std::shared_ptr<const ConditionKv>> Build(
      const std::vector<WeightedPrompt>& prompts);

 private:
  // Each prompt's states [1, S, text_dim]; undefined where its text is empty.
  absl::StatusOr<std::vector<torch::Tensor>> TextStates(const std::vector<WeightedPrompt>& prompts);

  // [1, S, D]; of an empty text [1, 1, D] zeros.
  torch::Tensor Condition(const torch::Tensor& text);

  // None where the model has no beats. Some prompt has a text.
  std::optional<Beats> TellBeats(const std::vector<WeightedPrompt>& prompts,
                                 const std::vector<torch::Tensor>& texts);
  std::optional<int> NamedFramesPerBeat(const std::vector<WeightedPrompt>& prompts) const;

  TextConditioner* const text_;
  MagnetTransformer transformer_;
  const double frame_rate_hz_;
  const bool packed_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CONDITION_BUILDER_H_
