#include "train/neighbour_start.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/tensor_map.h"

namespace magnet {
namespace {

constexpr double kLagWeights[] = {1.0, 0.7, 0.5};  // of 1, 2 and 3 frames
constexpr double kPriorCount = 200;                // of every code, at the mean shares
constexpr double kSuccessorPrior = 20;             // likewise, of what follows it
constexpr double kHeadDeviation = 0.02;            // of linears, as DrawLmWeights has it
constexpr double kScoreGain = std::numbers::sqrt2;
constexpr double kCopyGain = 0.5;
constexpr double kDrawnShare = 0.25;

// Calls visit(lag, code of frame t - lag, code of frame t) for all frames of all clips, for
// each lag from 1 to `longest_lag`.
template <typename Visit>
void ForEachPair(const CodeSet& clips, int codebook, int64_t longest_lag, const Visit& visit) {
  for (int64_t clip = 0; clip < clips.size(); ++clip) {
    const int64_t num_frames = clips.num_frames(clip);
    const torch::Tensor codes = clips.Codes(clip, 0, num_frames)[codebook].contiguous();
    const int64_t* const code = codes.data_ptr<int64_t>();
    for (int64_t lag = 1; lag <= longest_lag; ++lag) {
      for (int64_t t = lag; t < num_frames; ++t) visit(lag, code[t - lag], code[t]);
    }
  }
}

// How often each pair of codes stands within three frames, both ways: [card, card].
torch::Tensor CountPairs(const CodeSet& clips, int codebook) {
  const int64_t card = clips.info().card;
  torch::Tensor counts = torch::zeros({card, card}, torch::kDouble);
  double* const count = counts.data_ptr<double>();
  ForEachPair(clips, codebook, std::ssize(kLagWeights), [&](int64_t lag, int64_t a, int64_t b) {
    count[a * card + b] += kLagWeights[lag - 1];
    count[b * card + a] += kLagWeights[lag - 1];
  });
  return counts;
}

// How often each code stands right after each: [card, card].
torch::Tensor CountSuccessors(const CodeSet& clips, int codebook) {
  const int64_t card = clips.info().card;
  torch::Tensor counts = torch::zeros({card, card}, torch::kDouble);
  double* const count = counts.data_ptr<double>();
  ForEachPair(clips, codebook, /*longest_lag=*/1,
              [&](int64_t, int64_t a, int64_t b) { ++count[a * card + b]; });
  return counts;
}

double Deviation(const torch::Tensor& x) { return x.square().mean().sqrt().item<double>(); }

// The `count` eigenvalues of a symmetric matrix that are largest by magnitude, and
// their vectors as columns.
struct Components {
  torch::Tensor values;   // [count]
  torch::Tensor vectors;  // [card, count]
};

Components StrongestComponents(const torch::Tensor& matrix, int64_t count) {
  const auto [values, vectors] = torch::linalg_eigh(matrix);
  const torch::Tensor strongest =
      values.abs().argsort(/*dim=*/0, /*descending=*/true).narrow(0, 0, count);
  return {values.index_select(0, strongest), vectors.index_select(1, strongest)};
}

class NeighbourStart {
 public:
  explicit NeighbourStart(MagnetTransformer& lm) : config_(lm->config()) {
    for (auto& item : lm->named_parameters()) weights_[item.key()] = item.value();
  }

  // First feature of codebook k's components.
  int64_t FirstFeature(int k) const { return int64_t{k} * config_.dim / config_.num_codebooks; }

  void SetCodebook(int k, const torch::Tensor& affinity) {
    const int64_t count = std::min(config_.dim, config_.card);
    const Components components = StrongestComponents(affinity, count);
    const torch::Tensor scaled = components.vectors * components.values.abs().sqrt();
    SetRows(weights_.at(absl::StrCat("emb.", k, ".weight")).narrow(0, 0, config_.card), scaled,
            1 / std::sqrt(config_.num_codebooks), FirstFeature(k));
    weights_.at(absl::StrCat("emb.", k, ".weight"))[config_.mask_token_id()].zero_();
    SetRows(weights_.at(absl::StrCat("linears.", k, ".weight")), scaled * components.values.sign(),
            kHeadDeviation, FirstFeature(k));
  }

  void SetLayer(int layer) {
    const std::string prefix = absl::StrCat("transformer.layers.", layer, ".self_attn.");
    torch::Tensor in = weights_.at(prefix + "in_proj_weight");
    torch::Tensor out = weights_.at(prefix + "out_proj.weight");
    in.mul_(kDrawnShare);
    out.mul_(kDrawnShare);
    const int64_t dim = config_.dim, width = dim / config_.num_heads;
    for (int head = 0; head < config_.num_heads; ++head) {
      const int64_t row = head * width;
      const int distance = (1 + head / 2) * (1 + layer / config_.num_codebooks);
      LookAt(head % 2 == 0 ? distance : -distance, in.narrow(0, row, width),
             in.narrow(0, dim + row, width));
      Carry(FirstFeature(layer % config_.num_codebooks) + head / 2 * width,
            in.narrow(0, 2 * dim + row, width), out.narrow(1, row, width));
    }
  }

 private:
  // rows [card, D] = scaled [card, count] at the features from `first` on, around
  // the end, with the given deviation.
  void SetRows(const torch::Tensor& rows, const torch::Tensor& scaled, double deviation,
               int64_t first) {
    torch::Tensor whole = torch::zeros_like(rows);
    whole.narrow(1, 0, scaled.size(1)).copy_(scaled);
    rows.copy_(whole.roll(first, /*dims=*/1) * (deviation / Deviation(whole)));
  }

  // Every other frequency of the positions, as many as half a head has features:
  // q = cos(w (t + ahead)), sin(w (t + ahead)); k = cos(w t), sin(w t).
  void LookAt(int ahead, const torch::Tensor& q, const torch::Tensor& k) {
    const int64_t half = config_.dim / 2;
    for (int64_t i = 0; 2 * i + 1 < q.size(0) && 2 * i < half; ++i) {
      const int64_t cosine = 2 * i, sine = half + 2 * i;
      const double turn = ahead / std::pow(10000.0, cosine / (half - 1.0));
      q[2 * i][cosine] += kScoreGain * std::cos(turn);
      q[2 * i][sine] -= kScoreGain * std::sin(turn);
      q[2 * i + 1][sine] += kScoreGain * std::cos(turn);
      q[2 * i + 1][cosine] += kScoreGain * std::sin(turn);
      k[2 * i][cosine] += kScoreGain;
      k[2 * i + 1][sine] += kScoreGain;
    }
  }

  void Carry(int64_t first, const torch::Tensor& v, const torch::Tensor& out) {
    for (int64_t i = 0; i < v.size(0); ++i) {
      const int64_t feature = (first + i) % config_.dim;
      v[i][feature] += 1;
      out[feature][i] += kCopyGain;
    }
  }

  const LmConfig& config_;
  TensorMap weights_;
};

}  // namespace

torch::Tensor NeighbourAffinity(const CodeSet& clips, int codebook) {
  const torch::Tensor counts = CountPairs(clips, codebook);
  const torch::Tensor totals = counts.sum(1, /*keepdim=*/true);                 // [card, 1]
  const torch::Tensor shares = ((totals + 1) / (totals + 1).sum()).squeeze(1);  // [card]
  const torch::Tensor expected = (counts + kPriorCount * shares) / (totals + kPriorCount);
  const torch::Tensor ratio = (expected / shares).log();
  const torch::Tensor affinity = (ratio + ratio.t()) / 2;
  const torch::Tensor mean = affinity.matmul(shares);  // [card]
  return affinity - mean.unsqueeze(1) - mean.unsqueeze(0) + mean.dot(shares);
}

torch::Tensor NeighbourTable(const CodeSet& clips, int codebook) {
  const torch::Tensor counts = CountSuccessors(clips, codebook);
  const torch::Tensor shares = (counts.sum(0) + 1) / (counts.sum() + clips.info().card);  // [card]
  const torch::Tensor expected =
      (counts + kSuccessorPrior * shares) / (counts.sum(1, /*keepdim=*/true) + kSuccessorPrior);
  return (expected / shares).log().to(torch::kFloat);
}

void StartFromNeighbours(const CodeSet& clips, MagnetTransformer& lm) {
  const torch::NoGradGuard no_grad;
  NeighbourStart start(lm);
  for (int k = 0; k < lm->config().num_codebooks; ++k) {
    start.SetCodebook(k, NeighbourAffinity(clips, k));
  }
  for (int layer = 0; layer < lm->config().num_layers; ++layer) start.SetLayer(layer);
}

}  // namespace magnet
