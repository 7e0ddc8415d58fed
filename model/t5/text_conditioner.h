// Text to the states that a music model is conditioned on: tokenizer, T5
// encoder and prompt cache in one.
#ifndef MAGNET_MODEL_T5_TEXT_CONDITIONER_H_
#define MAGNET_MODEL_T5_TEXT_CONDITIONER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/t5/prompt_cache.h"
#include "model/t5/t5_encoder.h"
#include "model/t5/tokenizer.h"
#include "model/torch.h"

namespace magnet {

struct TextConditionerOptions {
  PromptCacheLimits cache = {};
};

// Owned and used by one thread (the model thread).
class TextConditioner {
 public:
  // Takes a loaded encoder, on the device and in the type it is to compute in,
  // and puts it in evaluation mode. INVALID_ARGUMENT where the tokenizer has
  // ids that the encoder has no embedding for.
  static absl::StatusOr<TextConditioner> Create(T5Tokenizer tokenizer, T5Encoder encoder,
                                                const TextConditionerOptions& options);

  // The states [S, d_model] of `text` alone (no padding), on the encoder's
  // device, without gradients; shared with the cache, so not to be written to.
  // The empty text has the state of its </s>: a null condition is the caller's.
  //
  // Of any length: the caller bounds the time, which grows with the square of it;
  // memory grows with the length. RESOURCE_EXHAUSTED when memory runs out; INTERNAL
  // for every other failure.
  absl::StatusOr<torch::Tensor> Encode(std::string_view text);

  // Encoder passes run so far; a text found in the cache runs none.
  int64_t num_passes() const { return num_passes_; }

  const PromptCache& cache() const { return cache_; }
  const T5Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  TextConditioner(T5Tokenizer tokenizer, T5Encoder encoder, const TextConditionerOptions& options);

  absl::StatusOr<torch::Tensor> RunEncoder(const std::vector<int64_t>& ids);

  T5Tokenizer tokenizer_;
  T5Encoder encoder_;
  PromptCache cache_;
  int64_t num_passes_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_T5_TEXT_CONDITIONER_H_
