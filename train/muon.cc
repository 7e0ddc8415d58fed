#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace magnet {
namespace {

constexpr double kMomentum = 0.95;

torch::Tensor Stacked(const torch::Tensor& x, int64_t count) {
  return x.view({count, x.size(0) / count, x.size(1)});
}

// The directions of some matrices of one shape, [n, rows, cols].
torch::Tensor Direction(const std::vector<const MuonMatrix*>& group, torch::ScalarType type) {
  std::vector<torch::Tensor> ahead;
  for (const MuonMatrix* matrix : group) {
    matrix->momentum.mul_(kMomentum).add_(matrix->gradient);
    ahead.push_back(
        Stacked(matrix->gradient.add(matrix->momentum, /*alpha=*/kMomentum), matrix->count));
  }
  return Orthogonalized(torch::cat(ahead).to(type)).to(torch::kFloat);
}

void Move(const MuonMatrix& matrix, const torch::Tensor& direction, const MuonStep& step) {
  const auto longest = static_cast<double>(std::max(direction.size(1), direction.size(2)));
  matrix.parameter.mul_(1 - step.learning_rate * step.weight_decay);
  matrix.parameter.sub_(direction.reshape(matrix.parameter.sizes()),
                        /*alpha=*/step.learning_rate * 0.2 * std::sqrt(longest));
}

}  // namespace

torch::Tensor Orthogonalized(const torch::Tensor& x) {
  // The iteration's polynomial, chosen by its authors for speed over exactness.
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  constexpr int kIterations = 5;
  const bool tall = x.size(1) > x.size(2);
  torch::Tensor y = tall ? x.transpose(1, 2).contiguous() : x;
  y = y / (y.norm(2, {1, 2}, /*keepdim=*/true) + 1e-7);
  for (int i = 0; i < kIterations; ++i) {
    const torch::Tensor gram = y.bmm(y.transpose(1, 2));
    const torch::Tensor polynomial = torch::baddbmm(gram, gram, gram, /*beta=*/kB, /*alpha=*/kC);
    y = torch::baddbmm(y, polynomial, y, /*beta=*/kA);
  }
  return tall ? y.transpose(1, 2) : y;
}

void UpdateByMuon(const std::vector<MuonMatrix>& matrices, const MuonStep& step) {
  std::map<std::pair<int64_t, int64_t>, std::vector<const MuonMatrix*>> by_shape;
  for (const MuonMatrix& matrix : matrices) {
    const torch::Tensor& x = matrix.parameter;
    by_shape[{x.size(0) / matrix.count, x.size(1)}].push_back(&matrix);
  }
  for (const auto& [shape, group] : by_shape) {
    const torch::Tensor directions = Direction(group, step.type);
    int64_t begin = 0;
    for (const MuonMatrix* matrix : group) {
      Move(*matrix, directions.narrow(0, begin, matrix->count), step);
      begin += matrix->count;
    }
  }
}

}  // namespace magnet
