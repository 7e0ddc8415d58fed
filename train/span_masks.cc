#include "train/span_masks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace magnet {
namespace {

// Expected share of masked frames for u = 0..T-1 starts. The ratio of binomials
// as a running product, so that nothing overflows.
std::vector<double> ExpectedRates(int num_frames, int span_len) {
  std::vector<double> rates = {0.0};
  double unmasked = static_cast<double>(num_frames - span_len) / num_frames;
  for (int u = 1; u < num_frames; ++u) {
    rates.push_back(1 - unmasked);
    unmasked *= static_cast<double>(num_frames - span_len - u) / (num_frames - u);
  }
  return rates;
}

}  // namespace

SpanCountTable::SpanCountTable(int num_frames, int span_len) : num_frames_(num_frames) {
  const std::vector<double> rates = ExpectedRates(num_frames, span_len);
  for (int percent = 0; percent <= 100; ++percent) {
    // Past rate 1 the product may swing around 0, so no binary search.
    const auto reached = std::find_if(rates.begin(), rates.end(),
                                      [&](double rate) { return rate >= percent / 100.0; });
    counts_.push_back(reached - rates.begin());
  }
}

torch::Tensor MaskFromStarts(const torch::Tensor& starts, int span_len) {
  torch::Tensor mask = starts.clone();
  const int64_t num_frames = starts.size(1);
  for (int64_t shift = 1; shift < std::min<int64_t>(span_len, num_frames); ++shift) {
    mask.narrow(1, shift, num_frames - shift).logical_or_(starts.narrow(1, 0, num_frames - shift));
  }
  return mask;
}

torch::Tensor DrawStarts(const SpanCountTable& table, double rate, DrawStream& draws) {
  const int percent = static_cast<int>(std::nearbyint(100 * rate));
  const int64_t count = std::max<int64_t>(table.Count(percent), 1);
  std::vector<int64_t> frames(table.num_frames());
  std::iota(frames.begin(), frames.end(), 0);
  torch::Tensor starts = torch::zeros({table.num_frames()}, torch::kBool);
  bool* flags = starts.data_ptr<bool>();
  for (int64_t i = 0; i < std::min<int64_t>(count, table.num_frames()); ++i) {
    std::swap(frames[i], frames[i + draws.Below(table.num_frames() - i)]);
    flags[frames[i]] = true;
  }
  return starts;
}

double DrawMaskRate(DrawStream& draws) { return std::cos(std::numbers::pi / 2 * draws.Uniform()); }

}  // namespace magnet
