#include "model/t5/text_conditioner.h"

#include <exception>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace magnet {

absl::StatusOr<TextConditioner> TextConditioner::Create(T5Tokenizer tokenizer, T5Encoder encoder,
                                                        const TextConditionerOptions& options) {
  if (tokenizer.vocab_size() > encoder->config().vocab_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("text_encoder.vocab_size: expected at least the ", tokenizer.vocab_size(),
                     " ids of spiece.model, found ", encoder->config().vocab_size));
  }
  encoder->eval();
  return TextConditioner(std::move(tokenizer), std::move(encoder), options);
}

TextConditioner::TextConditioner(T5Tokenizer tokenizer, T5Encoder encoder,
                                 const TextConditionerOptions& options)
    : tokenizer_(std::move(tokenizer)),
      encoder_(std::move(encoder)),
      cache_(options.cache),
      max_tokens_(options.max_tokens) {}

absl::StatusOr<torch::Tensor> TextConditioner::Encode(std::string_view text) {
  if (std::optional<torch::Tensor> kept = cache_.Find(text)) return *std::move(kept);
  const auto ids = tokenizer_.Encode(text);
  if (!ids.ok()) return ids.status();
  if (ids->size() > static_cast<size_t>(max_tokens_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("prompt: expected at most ", max_tokens_, " tokens, found ", ids->size()));
  }
  auto states = RunEncoder(*ids);
  if (states.ok()) cache_.Insert(text, *states);
  return states;
}

absl::StatusOr<torch::Tensor> TextConditioner::RunEncoder(const std::vector<int64_t>& ids) {
  try {
    const torch::NoGradGuard no_grad;
    ++num_passes_;
    const auto input_ids = torch::tensor(ids, torch::kInt64).unsqueeze(0).to(encoder_->device());
    return encoder_(input_ids).squeeze(0);
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("text encoder: out of memory for ", ids.size(), " tokens"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("text encoder: ", error.what()));
  }
}

}  // namespace magnet
