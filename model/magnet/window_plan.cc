#include "model/magnet/window_plan.h"

#include <algorithm>
#include <cmath>

namespace magnet {

int ClipFrames(double seconds, double frame_rate_hz, SpanArrangement arrangement, int span_len) {
  return static_cast<int>(WholeSpans(NumFrames(seconds, frame_rate_hz), arrangement, span_len));
}

int WindowFrames(const LmConfig& config, SpanArrangement arrangement) {
  return static_cast<int>(WholeSpans(config.window_frames, arrangement, config.span_len));
}

std::vector<Window> PlanWindows(int num_frames, int window_frames, double overlap, int span_len) {
  const int wanted = static_cast<int>(std::lround(window_frames * overlap / span_len)) * span_len;
  const int kept = std::min(std::max(wanted, span_len), window_frames - span_len);
  std::vector<Window> windows;
  windows.push_back({0, std::min(window_frames, num_frames), 0});
  while (windows.back().end < num_frames) {
    const int new_from = windows.back().end;
    const int start = std::min(new_from - kept, num_frames - span_len);
    windows.push_back({start, std::min(start + window_frames, num_frames), new_from - start});
  }
  return windows;
}

}  // namespace magnet
