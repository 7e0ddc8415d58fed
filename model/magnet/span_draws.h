// Which frames of a span are drawn after which.
#ifndef MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_
#define MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_

#include <cstddef>
#include <span>
#include <vector>

namespace magnet {

// For each of `frames` (rising), the index in `frames` of the frame right before it, where
// both are of the same span of `span_len` frames counted from 0; else -1.
//
// The frames of a span come from one pass, which cannot tell what becomes of the others.
// Drawn in this order, each can at least be told what stands before it
// (LmConfig::neighbour_tables).
inline std::vector<int> BeforeInSpan(std::span<const int> frames, int span_len) {
  std::vector<int> before(frames.size(), -1);
  for (size_t i = 1; i < frames.size(); ++i) {
    const bool follows = frames[i - 1] + 1 == frames[i] && frames[i] % span_len != 0;
    if (follows) before[i] = static_cast<int>(i) - 1;
  }
  return before;
}

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_SPAN_DRAWS_H_
