#include "train/muon.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/optimizer.h"

namespace magnet {
namespace {

torch::Tensor SingularValues(const torch::Tensor& x) {
  return std::get<1>(at::linalg_svd(x.to(torch::kDouble), /*full_matrices=*/false));
}

// Breaks where directions with small gradients are left behind: what Muon is for.
TEST(MuonTest, BringsSingularValuesTogether) {
  torch::manual_seed(1);
  for (const auto& [rows, cols] : {std::pair{32, 32}, std::pair{64, 16}, std::pair{16, 64}}) {
    const torch::Tensor x = torch::randn({3, rows, cols}) * 1e-3;
    const torch::Tensor y = Orthogonalized(x);
    ASSERT_EQ(y.sizes(), x.sizes());
    const torch::Tensor values = SingularValues(y);
    // A square matrix' smallest values are so near zero that five iterations leave some behind.
    EXPECT_GT(values.median().item<double>(), 0.6) << rows << " x " << cols;
    EXPECT_LT(values.max().item<double>(), 1.3) << rows << " x " << cols;
  }
}

// Breaks where the direction is not that of the gradient: U V^T has the same singular vectors.
TEST(MuonTest, KeepsSingularVectors) {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({2, 24, 12});
  const auto [u, s, v] = at::linalg_svd(x, /*full_matrices=*/false);
  const torch::Tensor core = u.transpose(1, 2).bmm(Orthogonalized(x)).bmm(v.transpose(1, 2));
  const torch::Tensor diagonal = torch::diag_embed(core.diagonal(0, 1, 2));
  EXPECT_LT((core - diagonal).abs().max().item<double>(), 1e-3);
}

// Breaks where a layer that has no gradient yet turns into NaN.
TEST(MuonTest, ZerosStayZeros) {
  EXPECT_EQ(Orthogonalized(torch::zeros({1, 8, 4})).abs().max().item<double>(), 0);
}

// Breaks where the matrices of one parameter share a direction, or the step's size, its momentum
// or the decay are other than said.
TEST(MuonTest, UpdatesEachMatrixOfAParameter) {
  torch::manual_seed(3);
  const torch::Tensor before = torch::randn({3 * 8, 8}), gradient = torch::randn({3 * 8, 8});
  const torch::Tensor weight = before.clone(), momentum = torch::randn({3 * 8, 8});
  const torch::Tensor next_momentum = 0.95 * momentum + gradient;
  UpdateByMuon({{weight, gradient, momentum, 3}}, {.learning_rate = 0.1, .weight_decay = 0.5});
  EXPECT_TRUE(torch::allclose(momentum, next_momentum));
  const torch::Tensor ahead = (gradient + 0.95 * next_momentum).view({3, 8, 8});
  const torch::Tensor expected =
      before.view({3, 8, 8}) * (1 - 0.1 * 0.5) - 0.1 * 0.2 * std::sqrt(8.0) * Orthogonalized(ahead);
  EXPECT_TRUE(torch::allclose(weight.view({3, 8, 8}), expected, 1e-5, 1e-6));
}

// Breaks where Muon gets the rest as well, or its state is not part of a checkpoint: a run that
// was cut off would go on differently.
TEST(MuonTest, OptimizerUpdatesWhatItIsTold) {
  const auto parameters = [] {
    torch::manual_seed(4);
    return TensorMap{{"head", torch::randn({8, 8}, torch::requires_grad())},
                     {"hidden", torch::randn({8, 8}, torch::requires_grad())}};
  };
  const MuonParameters muon = {.counts = {{"hidden", 1}}};
  const auto step = [](TensorMap& weights, Optimizer& optimizer) {
    optimizer.ZeroGradients();
    for (auto& [name, weight] : weights) weight.pow(3).sum().backward();
    optimizer.Update(0.01);
  };
  TensorMap weights = parameters(), by_adamw = parameters();
  Optimizer optimizer(weights, {}, muon), adamw(by_adamw, {});
  step(weights, optimizer);
  step(by_adamw, adamw);
  EXPECT_TRUE(torch::equal(weights["head"], by_adamw["head"]));
  EXPECT_FALSE(torch::allclose(weights["hidden"], by_adamw["hidden"]));
  EXPECT_FALSE(optimizer.State().contains("second_moment.hidden"));

  TensorMap resumed = parameters();
  for (auto& [name, weight] : resumed) {
    const torch::NoGradGuard no_grad;
    weight.copy_(weights[name]);
  }
  Optimizer again(resumed, {}, muon);
  ASSERT_TRUE(again.Restore(optimizer.State()).ok());
  step(weights, optimizer);
  step(resumed, again);
  EXPECT_TRUE(torch::equal(weights["hidden"], resumed["hidden"]));
  EXPECT_FALSE(adamw.Restore(optimizer.State()).ok()) << "a second moment is missing";
}

}  // namespace
}  // namespace magnet
