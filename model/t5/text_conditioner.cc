#include "model/t5/text_conditioner.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/torch_errors.h"

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
    : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)), cache_(options.cache) {}

absl::StatusOr<torch::Tensor> TextConditioner::Encode(std::string_view text) {
  if (std::optional<torch::Tensor> kept = cache_.Find(text)) return *std::move(kept);
  const auto ids = tokenizer_.Encode(text);
  if (!ids.ok()) return ids.status();
  auto states = RunEncoder(*ids);
  if (states.ok()) cache_.Insert(text, *states);
  return states;
}

absl::StatusOr<torch::Tensor> TextConditioner::RunEncoder(const std::vector<int64_t>& ids) {
  torch::Tensor states;
  const std::string what = absl::StrCat("text encoder, ", ids.size(), " tokens");
  const absl::Status status = CatchTorchErrors(what, [&] {
    const torch::NoGradGuard no_grad;
    ++num_passes_;
    const auto input_ids = torch::tensor(ids, torch::kInt64).unsqueeze(0).to(encoder_->device());
    states = encoder_(input_ids).squeeze(0);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return states;
}

}  // namespace magnet
