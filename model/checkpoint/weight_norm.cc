#include "model/checkpoint/weight_norm.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace magnet {
namespace {

struct PairNames {
  const char* magnitude;
  const char* direction;
};

constexpr PairNames kPairNames[] = {
    {".weight_g", ".weight_v"},
    {".parametrizations.weight.original0", ".parametrizations.weight.original1"},
};

// g is [N, 1, ..., 1] for v [N, ...].
bool GoTogether(const torch::Tensor& g, const torch::Tensor& v) {
  return g.is_floating_point() && v.is_floating_point() && v.dim() >= 1 && g.dim() == v.dim() &&
         g.size(0) == v.size(0) && g.numel() == g.size(0);
}

}  // namespace

absl::Status FoldWeightNorm(TensorMap& tensors, const std::string& source) {
  TensorMap folded;
  std::vector<std::string> errors;
  for (const auto& [name, tensor] : tensors) {
    bool is_half = false;
    for (const PairNames& names : kPairNames) {
      for (const char* suffix : {names.magnitude, names.direction}) {
        if (!absl::EndsWith(name, suffix)) continue;
        is_half = true;
        const std::string base = name.substr(0, name.size() - std::string(suffix).size());
        const auto g = tensors.find(base + names.magnitude);
        const auto v = tensors.find(base + names.direction);
        if (g == tensors.end() || v == tensors.end()) {
          errors.push_back(absl::StrCat(name, " without its other half"));
        } else if (!GoTogether(g->second, v->second) || tensors.contains(base + ".weight")) {
          errors.push_back(absl::StrCat(name, ": expected sizes and names of a weight norm"));
        } else if (suffix == names.direction) {
          folded[base + ".weight"] =
              torch::_weight_norm(v->second.to(torch::kFloat32).contiguous(),
                                  g->second.to(torch::kFloat32).contiguous(), /*dim=*/0);
        }
      }
    }
    if (!is_half) folded[name] = tensor;
  }
  if (!errors.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", absl::StrJoin(errors, "; ")));
  }
  tensors = std::move(folded);
  return absl::OkStatus();
}

}  // namespace magnet
