// AdamW over named parameters, for some of them Muon, with what a training run wraps around
// it: gradient clipping, a cosine learning rate with warm-up, and averaged weights.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_OPTIMIZER_H_
#define MAGNET_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/checkpoint/tensor_map.h"
#include "model/torch.h"
#include "train/training_config.h"

namespace magnet {

// Rises linearly over warmup_steps, then falls along half a cosine from
// learning_rate to final_fraction of it at total_steps, and stays there.
double LearningRateAt(const OptimizerConfig& config, int64_t step, int64_t total_steps);

// Parameters that Muon updates (muon.h) instead of AdamW.
struct MuonParameters {
  std::map<std::string, int64_t> counts;   // by name: matrices in it, one below the other
  torch::ScalarType type = torch::kFloat;  // of Muon's matrix products
};

class Optimizer {
 public:
  // `parameters`: the leaves themselves, by their full names; updated in place.
  // Those of one dimension (norms, biases) are not decayed.
  Optimizer(const TensorMap& parameters, const OptimizerConfig& config, MuonParameters muon = {});

  void ZeroGradients();

  // The gradients, in the order of the names; zeros where none has come.
  std::vector<torch::Tensor> Gradients();

  // Scales all gradients so that their joint norm is at most clip_norm (0: not at
  // all); returns the norm from before.
  double ClipGradients();

  // One update and one step of the averages.
  void Update(double learning_rate);

  // Averaged weights by name: ema = ema * d + weight * (1 - d), where d is
  // ema_decay, but less in the first updates, (1 + n) / (10 + n). With ema_decay
  // 0 the parameters themselves.
  const TensorMap& averages() const { return averages_; }

  // Exchanges the parameters' values with the averages'; twice: as before.
  void SwapAverages();

  // Moments (Muon has no second ones), averages and the number of updates, for a checkpoint.
  TensorMap State() const;
  // INVALID_ARGUMENT lists missing and misshapen entries; others are ignored.
  absl::Status Restore(const TensorMap& state);

 private:
  bool ByMuon(size_t i) const { return muon_.counts.contains(names_[i]); }
  void UpdateMatrices(const std::vector<torch::Tensor>& gradients, double learning_rate);
  void UpdateOthers(const std::vector<torch::Tensor>& gradients, double learning_rate);
  void UpdateAverages();

  OptimizerConfig config_;
  MuonParameters muon_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> first_moments_;   // shape of its parameter each
  std::vector<torch::Tensor> second_moments_;  // likewise; undefined: by Muon
  TensorMap averages_;                         // likewise
  torch::Tensor num_updates_;                  // [] float32
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_OPTIMIZER_H_
