#include "model/magnet/beat_track.h"

#include <algorithm>
#include <cmath>

namespace magnet {
namespace {

// Of ticks: what lies at a boundary belongs to the tick that begins there, however its place
// was computed.
constexpr double kRounding = 1e-6;

}  // namespace

int64_t TickAt(const BeatConfig& config, double beats) {
  const double place = std::floor(beats);
  const auto tick = static_cast<int64_t>((beats - place) * config.ticks_per_beat + kRounding);
  const auto known = static_cast<int64_t>(std::min(place, config.max_beats_per_bar - 1.0));
  return known * config.ticks_per_beat + std::min<int64_t>(tick, config.ticks_per_beat - 1);
}

BeatTrack::BeatTrack(const BeatConfig& config, int num_frames)
    : config_(config), ticks_(static_cast<size_t>(num_frames), config.no_tick_id()) {}

double BeatTrack::BeatsInto(double frame) const {
  const double beats = beats_at_from_ + (frame - from_) / beats_->frames_per_beat;
  return std::fmod(beats, beats_->beats_per_bar);
}

void BeatTrack::Change(int frame, const std::optional<Beats>& beats) {
  beats_at_from_ = beats_.has_value() ? BeatsInto(frame) : 0;
  from_ = frame;
  beats_ = beats;
  for (size_t t = static_cast<size_t>(frame); t < ticks_.size(); ++t) {
    ticks_[t] = beats_.has_value() ? TickAt(config_, BeatsInto(static_cast<double>(t) + 0.5))
                                   : config_.no_tick_id();
  }
}

}  // namespace magnet
