// How a clip is cut into windows that the transformer can see at once.
#ifndef MAGNET_MODEL_MAGNET_WINDOW_PLAN_H_
#define MAGNET_MODEL_MAGNET_WINDOW_PLAN_H_

#include <vector>

#include "model/generation_spec.h"
#include "model/model_config.h"

namespace magnet {

// Frames [start, end) of the clip, of which [start, start + overlap) are final
// when the window begins.
struct Window {
  int start = 0;
  int end = 0;
  int overlap = 0;

  int num_frames() const { return end - start; }
  int first_new_frame() const { return start + overlap; }
};

// Frames of a clip of `seconds`: the WholeSpans of NumFrames.
int ClipFrames(double seconds, double frame_rate_hz, SpanArrangement arrangement, int span_len);

// Frames of a full window: its WholeSpans.
int WindowFrames(const LmConfig& config, SpanArrangement arrangement);

// Covers [0, num_frames) with windows of at most `window_frames`, each keeping
// `overlap` (a share of the window, rounded to whole spans) of the one before: at
// least a span, where that leaves a span to be new. The last window is as short as
// what is left, but no shorter than a span. Requires span_len <= num_frames and
// span_len <= window_frames.
std::vector<Window> PlanWindows(int num_frames, int window_frames, double overlap, int span_len);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_WINDOW_PLAN_H_
