#include "train/hidden_matrices.h"

#include "absl/strings/match.h"

namespace magnet {

MuonParameters HiddenMatricesOf(const TensorMap& weights, bool bfloat16) {
  MuonParameters muon;
  for (const auto& [name, weight] : weights) {
    const bool in_layer = absl::StrContains(name, ".layers.") || absl::StrContains(name, ".block.");
    if (!in_layer || weight.dim() != 2 || absl::StrContains(name, "attention_bias")) continue;
    muon.counts[name] = absl::EndsWith(name, "in_proj_weight") ? 3 : 1;
  }
  if (bfloat16) muon.type = torch::kBFloat16;
  return muon;
}

}  // namespace magnet
