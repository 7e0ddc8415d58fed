#include "train/codebook_trainer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr double kTiny = 1e-7;

torch::Tensor Nearest(const torch::Tensor& vectors, const torch::Tensor& centroids) {
  const torch::Tensor distances = centroids.pow(2).sum(1) - 2 * vectors.matmul(centroids.t());
  return distances.argmin(1);
}

// Rows of `vectors` at random places, [count, D].
torch::Tensor RandomRows(const torch::Tensor& vectors, int64_t count, DrawStream& draws) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back(draws.Below(vectors.size(0)));
  return vectors.index_select(0, torch::tensor(rows, torch::kLong).to(vectors.device()));
}

struct Clusters {
  torch::Tensor sizes;  // [C]
  torch::Tensor sums;   // [C, D]
};

Clusters Gather(const torch::Tensor& vectors, const torch::Tensor& codes, int64_t count) {
  Clusters clusters{torch::zeros({count}, vectors.options()),
                    torch::zeros({count, vectors.size(1)}, vectors.options())};
  clusters.sizes.index_add_(0, codes, torch::ones_like(codes, vectors.options()));
  clusters.sums.index_add_(0, codes, vectors);
  return clusters;
}

// Lloyd's algorithm; an empty cluster moves to a random vector.
torch::Tensor KMeans(const torch::Tensor& vectors, int64_t count, int iterations,
                     DrawStream& draws) {
  torch::Tensor centroids = RandomRows(vectors, count, draws);
  for (int i = 0; i < iterations; ++i) {
    const Clusters clusters = Gather(vectors, Nearest(vectors, centroids), count);
    const torch::Tensor used = (clusters.sizes > 0).unsqueeze(1);
    centroids = torch::where(used, clusters.sums / clusters.sizes.clamp_min(1).unsqueeze(1),
                             RandomRows(vectors, count, draws));
  }
  return centroids;
}

}  // namespace

CodebookTrainer::CodebookTrainer(ResidualVectorQuantizer quantizer, const CodebookOptions& options,
                                 ProcessGroup& processes)
    : quantizer_(std::move(quantizer)), options_(options), processes_(processes) {
  for (int k = 0; k < quantizer_->num_codebooks(); ++k) {
    const torch::Tensor centroids = quantizer_->centroids(k);
    // As if every centroid had been used once per update.
    cluster_sizes_.push_back(torch::ones({centroids.size(0)}, centroids.options()));
    embed_sums_.push_back(centroids.clone());
  }
}

torch::Tensor CodebookTrainer::PartOf(const torch::Tensor& vectors, int k) const {
  if (options_.spectral_dims == 0) return vectors;
  const int64_t num_dims = vectors.size(1), spectral = options_.spectral_dims;
  const int64_t before = k == 0 ? num_dims - spectral : 0, after = k == 0 ? 0 : spectral;
  const torch::Tensor own = vectors.narrow(1, before, num_dims - before - after);
  return torch::constant_pad_nd(own, {before, after}, 0);
}

void CodebookTrainer::Initialize(const torch::Tensor& vectors, int count, int iterations,
                                 DrawStream& draws) {
  const torch::NoGradGuard no_grad;
  torch::Tensor residual = vectors.detach();
  for (int k = 0; k < count; ++k) {
    torch::Tensor centroids = quantizer_->centroids(k);
    const torch::Tensor part = PartOf(residual, k);
    centroids.copy_(KMeans(part, centroids.size(0), iterations, draws));
    cluster_sizes_[k].fill_(1);
    embed_sums_[k].copy_(centroids);
    residual = residual - centroids.index_select(0, Nearest(part, centroids));
  }
}

Quantization CodebookTrainer::Quantize(const torch::Tensor& vectors) const {
  Quantization result;
  result.quantized = torch::zeros_like(vectors.detach());
  result.commitment = torch::zeros({}, vectors.options());
  torch::Tensor residual = vectors;
  for (int k = 0; k < quantizer_->num_codebooks(); ++k) {
    const torch::Tensor centroids = quantizer_->centroids(k);
    const torch::Tensor part = PartOf(residual, k);
    const torch::Tensor codes = Nearest(part.detach(), centroids);
    const torch::Tensor chosen = centroids.index_select(0, codes);
    if (k > 0 || options_.spectral_dims == 0) {
      result.commitment = result.commitment + (part - chosen).pow(2).mean();
    }
    result.residuals.push_back(part.detach());
    result.codes.push_back(codes);
    result.quantized += chosen;
    residual = residual - chosen;
  }
  result.commitment = result.commitment / quantizer_->num_codebooks();
  return result;
}

absl::StatusOr<int64_t> CodebookTrainer::Update(const Quantization& batch, DrawStream& draws) {
  const torch::NoGradGuard no_grad;
  std::vector<Clusters> clusters;
  std::vector<torch::Tensor> shared;
  for (int k = 0; k < quantizer_->num_codebooks(); ++k) {
    clusters.push_back(Gather(batch.residuals[k], batch.codes[k], cluster_sizes_[k].size(0)));
    shared.push_back(clusters.back().sizes);
    shared.push_back(clusters.back().sums);
  }
  if (absl::Status status = processes_.Sum(shared); !status.ok()) return status;
  int64_t num_dead = 0;
  for (int k = 0; k < quantizer_->num_codebooks(); ++k) {
    cluster_sizes_[k].lerp_(clusters[k].sizes, 1 - options_.decay);
    embed_sums_[k].lerp_(clusters[k].sums, 1 - options_.decay);
    quantizer_->centroids(k).copy_(embed_sums_[k] /
                                   cluster_sizes_[k].clamp_min(kTiny).unsqueeze(1));
    num_dead += MoveDead(k, batch.residuals[k], draws);
  }
  if (num_dead > 0) {
    // The replacements came from each process's own batch.
    std::vector<torch::Tensor> all;
    for (int k = 0; k < quantizer_->num_codebooks(); ++k) {
      all.insert(all.end(), {quantizer_->centroids(k), cluster_sizes_[k], embed_sums_[k]});
    }
    if (absl::Status status = processes_.Broadcast(all); !status.ok()) return status;
  }
  return num_dead;
}

int64_t CodebookTrainer::MoveDead(int k, const torch::Tensor& residuals, DrawStream& draws) {
  const double mean_use = cluster_sizes_[k].mean().item<double>();
  const torch::Tensor dead =
      (cluster_sizes_[k] < options_.dead_share * mean_use).nonzero().squeeze(1);
  const int64_t count = dead.numel();
  if (count == 0) return 0;
  const torch::Tensor places = RandomRows(residuals, count, draws);
  quantizer_->centroids(k).index_copy_(0, dead, places);
  cluster_sizes_[k].index_fill_(0, dead, mean_use);
  embed_sums_[k].index_copy_(0, dead, places * mean_use);
  return count;
}

TensorMap CodebookTrainer::State() const {
  TensorMap state;
  for (size_t k = 0; k < cluster_sizes_.size(); ++k) {
    state[absl::StrCat("cluster_size.", k)] = cluster_sizes_[k];
    state[absl::StrCat("embed_sum.", k)] = embed_sums_[k];
  }
  return state;
}

absl::Status CodebookTrainer::Restore(const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : State()) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "codebook state: ", name, ": expected ", c10::str(tensor.sizes()), ", found ",
          found == state.end() ? "nothing" : c10::str(found->second.sizes())));
    }
    torch::Tensor(tensor).copy_(found->second);
  }
  return absl::OkStatus();
}

}  // namespace magnet
