// Muon: an update of matrices by their momentum with all its singular values set to about one,
// so that directions with small gradients move as far as the others (K. Jordan and others, 2024;
// the scale, which lets one learning rate serve here and in AdamW, is that of J. Liu and others,
// arXiv:2502.16982). Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_MUON_H_
#define MAGNET_TRAIN_MUON_H_

#include <vector>

#include "model/torch.h"

namespace magnet {

// One parameter as Muon sees it. The tensors share one shape [count * rows, cols].
struct MuonMatrix {
  torch::Tensor parameter, gradient, momentum;
  int64_t count = 1;  // matrices that stand one below the other, each with a step of its own
};

struct MuonStep {
  double learning_rate = 0;
  double weight_decay = 0;
  torch::ScalarType type = torch::kFloat;  // of the products inside Orthogonalized
};

// momentum = 0.95 momentum + gradient; the step, with Nesterov's look ahead, is
// Orthogonalized(gradient + 0.95 momentum) * 0.2 sqrt(max(rows, cols)), of about the size of
// AdamW's; parameter = parameter (1 - learning_rate weight_decay) - learning_rate * step.
void UpdateByMuon(const std::vector<MuonMatrix>& matrices, const MuonStep& step);

// x [n, rows, cols] -> about U V^T of each matrix' singular value decomposition U S V^T, of the
// same shape and type: singular values of 0.6 to 1.2. Five steps of a quintic Newton-Schulz
// iteration. A matrix of zeros stays one.
torch::Tensor Orthogonalized(const torch::Tensor& x);

}  // namespace magnet

#endif  // MAGNET_TRAIN_MUON_H_
