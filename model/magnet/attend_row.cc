#include "model/magnet/attend_row.h"

#include <algorithm>
#include <cmath>

namespace magnet {

// Four sums side by side: a compiler may not reorder a single one.
float Dot(const float* a, const float* b, int64_t count) {
  constexpr int64_t kLanes = 4;
  float sums[kLanes] = {};
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int64_t i = whole; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void AttendRow(const float* query, const AttendedKeys& keys, int64_t width,
               std::vector<float>& scores, float* out) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  scores.clear();
  for (int64_t n = keys.first; n < keys.end; ++n) {
    const float bias = keys.score_bias == nullptr ? 0.0f : keys.score_bias[n];
    scores.push_back(Dot(query, keys.keys + n * keys.key_stride, width) * scale + bias);
  }
  const float largest = *std::max_element(scores.begin(), scores.end());
  float total = 0;
  for (float& score : scores) total += score = std::exp(score - largest);
  std::fill_n(out, width, 0.0f);
  for (int64_t n = keys.first; n < keys.end; ++n) {
    const float weight = scores[static_cast<size_t>(n - keys.first)] / total;
    const float* const value = keys.values + n * keys.value_stride;
    for (int64_t i = 0; i < width; ++i) out[i] += weight * value[i];
  }
}

}  // namespace magnet
