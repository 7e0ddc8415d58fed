// Which frames a step masks: the worst spans of the arrangement in use.
// Scores: higher is worse (less probable); kNeverMask is what a settled frame has.
#ifndef MAGNET_MODEL_MAGNET_SPAN_MASKING_H_
#define MAGNET_MODEL_MAGNET_SPAN_MASKING_H_

#include <vector>

namespace magnet {

// The score of frames and blocks that are given or were settled in an earlier step.
inline constexpr float kNeverMask = -1e4f;

// max(int(rate * count), 1), the product in float32.
int MaskedCount(float rate, int count);

// Blocks of the nonoverlap arrangement: the `num_masked` highest scores. Equal
// scores: the earlier block first.
std::vector<bool> MaskWorstBlocks(const std::vector<float>& block_scores, int num_masked);

// Spans of `span_len` that start at any frame: masks the u spans with the highest
// sums of frame scores, u found by bisection so that the number of masked frames
// comes close to max(num_masked, span_len), as the reference's
// _least_probable_span_masking: the mask of the last evaluated u. Requires
// span_len <= frame_scores.size(). Equal sums: the earlier span first.
std::vector<bool> MaskWorstSpans(const std::vector<float>& frame_scores, int num_masked,
                                 int span_len);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_SPAN_MASKING_H_
