// Attention in which every query sees a few neighbouring keys: what a window of
// context leaves of it. Costs those pairs alone, not a score of every pair.
// Internal to targets that use LibTorch.
#ifndef MAGNET_MODEL_MAGNET_RANGE_ATTENTION_H_
#define MAGNET_MODEL_MAGNET_RANGE_ATTENTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/torch.h"

namespace magnet {

// Keys [first, last) of a query, at least one.
struct KeyRange {
  int64_t first = 0;
  int64_t last = 0;
};

// The keys within `context` frames of each query. Frames [M] and [N] int64,
// rising, on the CPU; every query frame is among the key frames.
std::vector<KeyRange> RangesWithin(int context, const torch::Tensor& query_frames,
                                   const torch::Tensor& key_frames);

// softmax(q k^T / sqrt(D / num_heads)) v by head, each query over its own range.
// q [B, M, D], k and v [B, N, D]: float32 on the CPU, the elements of a row side
// by side. Returns [B, M, D]. What a row becomes does not depend on the number of
// threads.
torch::Tensor AttendToRanges(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             std::span<const KeyRange> ranges, int num_heads);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_RANGE_ATTENTION_H_
