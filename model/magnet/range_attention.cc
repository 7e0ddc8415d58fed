#include "model/magnet/range_attention.h"

#include <algorithm>

#include "model/magnet/attend_row.h"
#include "model/magnet/attention_kernels.h"
#include "model/parallel.h"

namespace magnet {
namespace {

// AttendRow by the CPU's vectors, where there are kernels for them.
class RowAttention {
 public:
  explicit RowAttention(int64_t width)
      : kernels_(CanAttendBy(width) ? BestAttentionKernels() : nullptr), width_(width) {}

  void Attend(const float* query, const AttendedKeys& keys, float* out) {
    if (kernels_ == nullptr) return AttendRow(query, keys, width_, scores_, out);
    scores_.resize(std::max<size_t>(scores_.size(), PaddedKeys(keys.end - keys.first)));
    kernels_->attend_to_range(query, keys, width_, scores_.data(), out);
  }

 private:
  const AttentionKernels* const kernels_;
  const int64_t width_;
  std::vector<float> scores_;
};

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
  ParallelFor(q.size(0) * num_queries, /*grain=*/16, [&](int64_t begin, int64_t end) {
    RowAttention attention(width);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t b = row / num_queries, m = row % num_queries;
      const float* const query = q.data_ptr<float>() + b * q.stride(0) + m * q.stride(1);
      for (int64_t head = 0; head < dim; head += width) {
        const AttendedKeys keys = {.keys = k.data_ptr<float>() + b * k.stride(0) + head,
                                   .values = v.data_ptr<float>() + b * v.stride(0) + head,
                                   .first = ranges[m].first,
                                   .end = ranges[m].last,
                                   .key_stride = k.stride(1),
                                   .value_stride = v.stride(1)};
        attention.Attend(query + head, keys, out.data_ptr<float>() + row * dim + head);
      }
    }
  });
  return out;
}

}  // namespace magnet
