#include "train/text_heads.h"

#include <c10/util/accumulate.h>

#include "train/annotations.h"
#include "train/zero_head.h"

namespace magnet {

TextHeads::TextHeads(const LmConfig& lm, const std::vector<LabelKind>* label_kinds,
                     const torch::Device& device)
    : codes_(ZeroHead(lm.text_dim, int64_t{lm.num_codebooks} * lm.card, device)) {
  if (label_kinds == nullptr) return;
  label_classes_ = ClipLabelClasses(*label_kinds);
  labels_ = ZeroHead(lm.text_dim, c10::sum_integers(label_classes_), device);
}

torch::Tensor TextHeads::Loss(const torch::Tensor& states, const torch::Tensor& mask,
                              const TextBatch& batch) {
  const torch::Tensor seen = mask.unsqueeze(2);                      // [B, S, 1]
  const torch::Tensor means = (states * seen).sum(1) / seen.sum(1);  // [B, text_dim]
  const torch::Tensor logits = codes_(means).to(torch::kFloat).view(batch.code_shares.sizes());
  const torch::Tensor shares = batch.code_shares.to(states.device());  // [B, K, card]
  const torch::Tensor loss = -(shares * logits.log_softmax(-1)).sum() / logits.size(1);
  if (!labels_) return loss;
  return loss +
         SummedLabelLoss(labels_(means), batch.clip_labels.to(states.device()), label_classes_);
}

std::vector<std::pair<std::string, Dense>> TextHeads::Heads() const {
  std::vector<std::pair<std::string, Dense>> heads = {{"text_head.", codes_}};
  if (labels_) heads.emplace_back("clip_label_head.", labels_);
  return heads;
}

}  // namespace magnet
