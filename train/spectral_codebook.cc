#include "train/spectral_codebook.h"

#include "absl/strings/match.h"

namespace magnet {
namespace {

bool AllZero(const torch::Tensor& tensor) { return tensor.eq(0).all().item<bool>(); }

// Writes `from` into the first entries of `to`, which is longer in one dimension or in none.
void CopyInto(const torch::Tensor& from, const torch::Tensor& to) {
  torch::Tensor part = to;
  for (int64_t d = 0; d < to.dim(); ++d) part = part.narrow(d, 0, from.size(d));
  part.copy_(from);
}

}  // namespace

int SpectralDims(EncodecModel& codec) {
  const ResidualVectorQuantizer& quantizer = codec->quantizer();
  torch::Tensor used = torch::zeros_like(quantizer->centroids(0)[0], torch::kBool);
  for (int k = 1; k < quantizer->num_codebooks(); ++k) used |= quantizer->centroids(k).ne(0).any(0);
  const torch::Tensor dims = used.nonzero();
  if (dims.numel() == 0) return 0;
  const int64_t others = dims.max().item<int64_t>() + 1;  // up to the last one that is used
  if (!AllZero(quantizer->centroids(0).narrow(1, 0, others))) return 0;
  return static_cast<int>(used.numel() - others);
}

EncodecModel AddSpectralCodebook(EncodecModel& codec, int num_dims, uint64_t seed) {
  constexpr double kSmall = 0.3;  // of the other weights' deviation
  const torch::NoGradGuard no_grad;
  CodecConfig config = codec->config();
  config.dimension += num_dims;
  config.num_codebooks += 1;
  EncodecModel wide(config);
  torch::manual_seed(seed);
  const auto narrow = codec->named_parameters();
  for (auto& item : wide->named_parameters()) {
    const torch::Tensor& known = narrow[item.key()];
    torch::Tensor& weight = item.value();
    const bool drawn = absl::StartsWith(item.key(), "encoder.") && weight.dim() > 1;
    drawn ? weight.normal_(0, kSmall * known.std().item<double>()) : weight.zero_();
    CopyInto(known, weight);
  }
  for (int k = 0; k < codec->quantizer()->num_codebooks(); ++k) {
    CopyInto(codec->quantizer()->centroids(k), wide->quantizer()->centroids(k + 1));
  }
  return wide;
}

}  // namespace magnet
