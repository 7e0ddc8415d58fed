#include "train/codec_start.h"

#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "model/torch.h"

namespace magnet {
namespace {

// Inputs that add up to one output: a transposed convolution's kernel is twice
// its stride, so that two positions of each channel meet.
double FanIn(const std::string& name, const torch::Tensor& weight) {
  const bool transposed = absl::StrContains(name, "convtr");
  return static_cast<double>(transposed ? 2 * weight.size(0) : weight.size(1) * weight.size(2));
}

}  // namespace

void DrawCodecWeights(EncodecModel& codec, uint64_t seed) {
  constexpr double kEluGain = 1.5;  // of the variance: what ELU takes away
  const torch::NoGradGuard no_grad;
  torch::manual_seed(seed);
  for (auto& item : codec->named_parameters()) {
    torch::Tensor& weight = item.value();
    if (weight.dim() == 3) {
      // The end of a residual block adds to what goes past it.
      const double share = absl::StrContains(item.key(), "block.3") ? 0.5 : 1;
      weight.normal_(0, share * std::sqrt(kEluGain / FanIn(item.key(), weight)));
    } else if (absl::StrContains(item.key(), "conv")) {
      weight.zero_();
    }
  }
}

}  // namespace magnet
