// What a residual vector quantizer needs in training: first centroids, moving
// averages, and a new place for centroids that nothing is near to.
// Internal to targets that use LibTorch. D dimension, K codebooks, C entries.
#ifndef MAGNET_TRAIN_CODEBOOK_TRAINER_H_
#define MAGNET_TRAIN_CODEBOOK_TRAINER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "model/checkpoint/tensor_map.h"
#include "model/encodec/residual_vector_quantizer.h"
#include "model/torch.h"
#include "train/draw_stream.h"
#include "train/process_group.h"

namespace magnet {

struct CodebookOptions {
  double decay = 0.99;
  // A centroid is dead when its average use falls under this share of the
  // codebook's mean.
  double dead_share = 0.05;
  // Of the vectors, the last ones: the first codebook's alone
  // (train/spectral_codebook.h). 0: every codebook has all.
  int spectral_dims = 0;
};

// Vectors on their way through the codebooks.
struct Quantization {
  torch::Tensor quantized;               // [N, D], the sum of the centroids; no gradient
  torch::Tensor commitment;              // [] mean over codebooks of |residual - centroid|^2,
                                         // differentiable in the vectors; not of a
                                         // spectral codebook, which follows its target
  std::vector<torch::Tensor> residuals;  // K of [N, D], what each codebook was given
  std::vector<torch::Tensor> codes;      // K of [N] int64
};

class CodebookTrainer {
 public:
  // Writes the quantizer's centroids in place. Both must outlive the trainer.
  CodebookTrainer(ResidualVectorQuantizer quantizer, const CodebookOptions& options,
                  ProcessGroup& processes);

  // Centroids of the first `count` codebooks by k-means of vectors [N, D], codebook by
  // codebook of what the ones before leave. N >= C. The same vectors and draws give
  // the same centroids.
  void Initialize(const torch::Tensor& vectors, int count, int iterations, DrawStream& draws);

  // vectors [N, D].
  Quantization Quantize(const torch::Tensor& vectors) const;

  // Moves the averages and centroids by a batch, summed over the processes, and
  // puts dead centroids on random residuals. Returns how many were dead.
  absl::StatusOr<int64_t> Update(const Quantization& batch, DrawStream& draws);

  // Averages, for a checkpoint: `cluster_size.{k}` [C], `embed_sum.{k}` [C, D].
  TensorMap State() const;
  absl::Status Restore(const TensorMap& state);

 private:
  torch::Tensor PartOf(const torch::Tensor& vectors, int k) const;  // others' dimensions as zeros
  int64_t MoveDead(int k, const torch::Tensor& residuals, DrawStream& draws);

  ResidualVectorQuantizer quantizer_;
  CodebookOptions options_;
  ProcessGroup& processes_;
  std::vector<torch::Tensor> cluster_sizes_;  // K of [C]: average use per update
  std::vector<torch::Tensor> embed_sums_;     // K of [C, D]: average sum of the vectors
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODEBOOK_TRAINER_H_
