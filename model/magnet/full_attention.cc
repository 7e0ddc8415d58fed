#include "model/magnet/full_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "model/magnet/attention_kernels.h"
#include "model/parallel.h"

namespace magnet {
bool CanAttendToAll(const torch::Tensor& q, int num_heads) {
  return BestAttentionKernels() != nullptr && q.is_cpu() && q.scalar_type() == torch::kFloat &&
         CanAttendBy(q.size(-1) / num_heads) && !torch::GradMode::is_enabled();
}

torch::Tensor AttendToAll(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                          int num_heads) {
  const int64_t num_items = q.size(0), num_queries = q.size(1), dim = q.size(2);
  const int64_t width = dim / num_heads, heads = num_items * num_heads;
  torch::Tensor out = torch::empty({num_items, num_queries, dim}, q.options());
  const AttentionKernels& kernels = *BestAttentionKernels();
  // More than one part of a head's queries only where heads alone would not fill the threads: each
  // part turns the keys for itself.
  const int64_t parts = std::clamp<int64_t>(2 * at::get_num_threads() / heads, 1, num_queries);
  const int64_t part_queries = (num_queries + parts - 1) / parts;
  RunTasks(heads * parts, [&](int64_t task) {
    const int64_t item = task / parts / num_heads, first = task / parts % num_heads * width;
    const int64_t m = task % parts * part_queries;
    if (m >= num_queries) return;
    const torch::Tensor scratch = torch::empty(AttendToAllScratch(k.size(1), width), q.options());
    kernels.attend_to_all(
        {.queries = q.data_ptr<float>() + item * q.stride(0) + m * q.stride(1) + first,
         .keys = k.data_ptr<float>() + item * k.stride(0) + first,
         .values = v.data_ptr<float>() + item * v.stride(0) + first,
         .out = out.data_ptr<float>() + item * out.stride(0) + m * dim + first,
         .query_stride = q.stride(1),
         .key_stride = k.stride(1),
         .value_stride = v.stride(1),
         .out_stride = dim,
         .num_queries = std::min(part_queries, num_queries - m),
         .num_keys = k.size(1),
         .width = width},
        scratch.data_ptr<float>());
  });
  return out;
}

}  // namespace magnet
