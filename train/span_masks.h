// Which frames of a training item are masked: spans of `span_len` frames from
// random starts, overlapping. Source: arXiv 2401.04577, appendix C.
//
// Internal to targets that use LibTorch. B batch, T frames.
#ifndef MAGNET_TRAIN_SPAN_MASKS_H_
#define MAGNET_TRAIN_SPAN_MASKS_H_

#include <cstdint>
#include <vector>

#include "model/torch.h"
#include "train/draw_stream.h"

namespace magnet {

// How many spans to start so that their union covers a wanted share of T frames.
class SpanCountTable {
 public:
  // 1 <= span_len < num_frames.
  SpanCountTable(int num_frames, int span_len);

  // The least u with 1 - C(T - span_len, u) / C(T, u) >= percent / 100; T where
  // there is none. `percent` in 0..100.
  int64_t Count(int percent) const { return counts_[percent]; }

  int num_frames() const { return num_frames_; }

 private:
  int num_frames_;
  std::vector<int64_t> counts_;  // 101 entries
};

// starts [B, T] bool -> mask [B, T] bool: a frame is masked where a span starts at
// it or at one of the span_len - 1 frames before it.
torch::Tensor MaskFromStarts(const torch::Tensor& starts, int span_len);

// Draws one item's starts: [T] bool, max(table.Count(round(100 * rate)), 1) of
// them, every set of that size equally probable. `rate` in [0, 1].
torch::Tensor DrawStarts(const SpanCountTable& table, double rate, DrawStream& draws);

// cos(pi/2 * u) with u uniform in [0, 1).
double DrawMaskRate(DrawStream& draws);

}  // namespace magnet

#endif  // MAGNET_TRAIN_SPAN_MASKS_H_
