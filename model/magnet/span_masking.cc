#include "model/magnet/span_masking.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace magnet {
namespace {

std::vector<int> IndicesByScore(const std::vector<float>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

std::vector<float> SpanSums(const std::vector<float>& frame_scores, int span_len) {
  std::vector<float> sums(frame_scores.size() - span_len + 1);
  for (size_t start = 0; start < sums.size(); ++start) {
    sums[start] = std::accumulate(frame_scores.begin() + start,
                                  frame_scores.begin() + start + span_len, 0.0f);
  }
  return sums;
}

std::vector<bool> CoverSpans(const std::vector<int>& starts_by_score, int num_spans, int span_len,
                             size_t num_frames) {
  std::vector<bool> mask(num_frames, false);
  const int available = std::min<int>(num_spans, starts_by_score.size());
  for (int i = 0; i < available; ++i) {
    std::fill_n(mask.begin() + starts_by_score[i], span_len, true);
  }
  return mask;
}

int RoundedMiddle(int low, int high) {
  return static_cast<int>(std::nearbyint(0.5 * (low + high)));
}

}  // namespace

int MaskedCount(float rate, int count) {
  return std::max(static_cast<int>(rate * static_cast<float>(count)), 1);
}

std::vector<bool> MaskWorstBlocks(const std::vector<float>& block_scores, int num_masked) {
  const std::vector<int> order = IndicesByScore(block_scores);
  return CoverSpans(order, num_masked, /*span_len=*/1, block_scores.size());
}

std::vector<bool> MaskWorstSpans(const std::vector<float>& frame_scores, int num_masked,
                                 int span_len) {
  const size_t num_frames = frame_scores.size();
  const std::vector<int> order = IndicesByScore(SpanSums(frame_scores, span_len));
  const int target = std::max(num_masked, span_len);
  int low = target / span_len;
  int high = target - span_len + 1;
  int middle = RoundedMiddle(low, high);
  std::vector<bool> mask = CoverSpans(order, middle, span_len, num_frames);
  while (low < middle && middle < high) {
    mask = CoverSpans(order, middle, span_len, num_frames);
    const auto masked = std::count(mask.begin(), mask.end(), true);
    (masked > target ? high : low) = middle;
    middle = RoundedMiddle(low, high);
  }
  return mask;
}

}  // namespace magnet
