#include "model/magnet/range_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace magnet {
namespace {

// Four sums side by side: a compiler may not reorder a single one.
constexpr int64_t kLanes = 4;

float Dot(const float* a, const float* b, int64_t size) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

// The rows that one query of one head attends to.
struct HeadRows {
  const float* keys;
  const float* values;
  int64_t key_stride;
  int64_t value_stride;
  int64_t count;
};

void Attend(const float* query, const HeadRows& rows, int64_t width, float* scores, float* out) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t n = 0; n < rows.count; ++n) {
    scores[n] = Dot(query, rows.keys + n * rows.key_stride, width) * scale;
    largest = std::max(largest, scores[n]);
  }
  float total = 0;
  for (int64_t n = 0; n < rows.count; ++n) {
    scores[n] = std::exp(scores[n] - largest);
    total += scores[n];
  }
  std::fill_n(out, width, 0.0f);
  for (int64_t n = 0; n < rows.count; ++n) {
    const float weight = scores[n] / total;
    const float* const value = rows.values + n * rows.value_stride;
    for (int64_t i = 0; i < width; ++i) out[i] += weight * value[i];
  }
}

}  // namespace

std::vector<KeyRange> RangesWithin(int context, const torch::Tensor& query_frames,
                                   const torch::Tensor& key_frames) {
  const auto* const keys = key_frames.data_ptr<int64_t>();
  const auto* const keys_end = keys + key_frames.numel();
  const auto* const queries = query_frames.data_ptr<int64_t>();
  std::vector<KeyRange> ranges(query_frames.numel());
  const int64_t *first = keys, *last = keys;
  for (size_t m = 0; m < ranges.size(); ++m) {
    while (*first < queries[m] - context) ++first;
    while (last != keys_end && *last <= queries[m] + context) ++last;
    ranges[m] = {first - keys, last - keys};
  }
  return ranges;
}

torch::Tensor AttendToRanges(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             std::span<const KeyRange> ranges, int num_heads) {
  const int64_t num_queries = q.size(1), dim = q.size(2), width = dim / num_heads;
  torch::Tensor out = torch::empty({q.size(0), num_queries, dim}, q.options());
  int64_t longest = 0;
  for (const KeyRange& range : ranges) longest = std::max(longest, range.last - range.first);
  at::parallel_for(0, q.size(0) * num_queries, /*grain_size=*/16, [&](int64_t begin, int64_t end) {
    std::vector<float> scores(longest);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t b = row / num_queries, m = row % num_queries;
      const KeyRange range = ranges[m];
      const float* const query = q.data_ptr<float>() + b * q.stride(0) + m * q.stride(1);
      for (int64_t head = 0; head < dim; head += width) {
        const HeadRows rows = {
            k.data_ptr<float>() + b * k.stride(0) + range.first * k.stride(1) + head,
            v.data_ptr<float>() + b * v.stride(0) + range.first * v.stride(1) + head, k.stride(1),
            v.stride(1), range.last - range.first};
        Attend(query + head, rows, width, scores.data(), out.data_ptr<float>() + row * dim + head);
      }
    }
  });
  return out;
}

}  // namespace magnet
