// Where in its bar each frame of a clip lies, for models that are told (BeatConfig).
#ifndef MAGNET_MODEL_MAGNET_BEAT_TRACK_H_
#define MAGNET_MODEL_MAGNET_BEAT_TRACK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/model_config.h"

namespace magnet {

// A tempo and a metre.
struct Beats {
  int frames_per_beat = 0;  // >= 1
  int beats_per_bar = 0;    // >= 1

  bool operator==(const Beats&) const = default;
};

// The id of what lies `beats` >= 0 after the beginning of a bar. A place beyond the last
// that has ids of its own counts as the last.
int64_t TickAt(const BeatConfig& config, double beats);

class BeatTrack {
 public:
  // Of a clip of num_frames; no beat is known yet.
  BeatTrack(const BeatConfig& config, int num_frames);

  // From `frame` on, which never falls, beats are as told; none: not known. A bar that is
  // under way goes on at the new tempo; else one begins.
  void Change(int frame, const std::optional<Beats>& beats);

  // [num_frames]. A frame has the tick of its middle.
  std::span<const int64_t> ticks() const { return ticks_; }

 private:
  // Beats since the beginning of the bar, at `frame`'s beginning.
  double BeatsInto(double frame) const;

  const BeatConfig config_;
  std::optional<Beats> beats_;  // since from_
  double from_ = 0;
  double beats_at_from_ = 0;  // into the bar
  std::vector<int64_t> ticks_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_BEAT_TRACK_H_
