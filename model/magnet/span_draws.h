// Which frames of a span are drawn after which.
#ifndef MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_
#define MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "model/model_config.h"

namespace magnet {

// For each of `frames` (rising), the index in `frames` of the frame right before it, where
// both are of the same span (counted from 0) and `stage` has a table that `neighbour_weight`
// makes count; else -1.
//
// The frames of a span come from one pass, which cannot tell what becomes of the others.
// Drawn in this order, each can at least be told what stands before it
// (LmConfig::neighbour_tables).
inline std::vector<int> BeforeInSpan(const LmConfig& config, int stage, double neighbour_weight,
                                     std::span<const int> frames) {
  std::vector<int> before(frames.size(), -1);
  if (neighbour_weight == 0 || stage >= config.neighbour_tables) return before;
  for (size_t i = 1; i < frames.size(); ++i) {
    const bool follows = frames[i - 1] + 1 == frames[i] && frames[i] % config.span_len != 0;
    if (follows) before[i] = static_cast<int>(i) - 1;
  }
  return before;
}

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_
