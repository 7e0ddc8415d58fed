#include "train/annotations.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "model/magnet/beat_track.h"

namespace magnet {
namespace {

constexpr double kSlowestBpm = 32;
constexpr int kTempoClassesPerOctave = 24;

// "F#m7" -> 6, and how many characters say so; -1 where it begins with no note.
int RootOf(const std::string& name, size_t* length) {
  constexpr int kSteps[] = {9, 11, 0, 2, 4, 5, 7};  // A to G
  if (name.empty() || name[0] < 'A' || name[0] > 'G') return -1;
  int root = kSteps[name[0] - 'A'];
  *length = 1;
  if (name.size() > 1 && (name[1] == '#' || name[1] == 'b')) {
    root += name[1] == '#' ? 1 : 11;
    *length = 2;
  }
  return root % 12;
}

int64_t ChordClass(const std::string& name) {
  size_t length = 0;
  const int root = RootOf(name, &length);
  if (root < 0) return kUnlabelled;
  const std::string kind = name.substr(length, name.find('/') - length);
  const bool minor = kind.rfind('m', 0) == 0 && kind.rfind("maj", 0) != 0 && kind != "m7b5";
  const bool major = kind.empty() || kind == "6" || kind == "7" || kind.rfind("maj", 0) == 0;
  return root * 3 + (minor ? 1 : major ? 0 : 2);
}

int64_t KeyClass(const MusicBenchRow& row) {
  size_t length = 0;
  const int tonic = RootOf(row.key_root, &length);
  if (tonic < 0 || (row.key_mode != "major" && row.key_mode != "minor")) return kUnlabelled;
  return tonic + (row.key_mode == "minor" ? 12 : 0);
}

// The last of `times` (rising) that is not after `time_s`, or -1.
int64_t LastBefore(const std::vector<double>& times, double time_s) {
  return std::upper_bound(times.begin(), times.end(), time_s) - times.begin() - 1;
}

// The largest place that is told.
int64_t BeatsPerBar(const MusicBenchRow& row) {
  const auto& places = row.beat_positions;
  if (places.empty()) return 1;
  return std::max<int64_t>(std::llround(*std::max_element(places.begin(), places.end())), 1);
}

}  // namespace

torch::Tensor FrameLabels(const MusicBenchRow& row, double frame_rate_hz, int64_t begin,
                          int64_t count) {
  torch::Tensor labels = torch::full({kNumFrameLabels, count}, kUnlabelled, torch::kLong);
  auto label = labels.accessor<int64_t, 2>();
  const int64_t key = KeyClass(row);
  const auto num_beats = static_cast<int64_t>(row.beat_times_s.size());
  for (int64_t t = 0; t < count; ++t) {
    const double time_s = (static_cast<double>(begin + t) + 0.5) / frame_rate_hz;
    const int64_t beat = LastBefore(row.beat_times_s, time_s);
    if (beat >= 0 && beat + 1 < num_beats && row.beat_times_s[beat + 1] > time_s) {
      const double from = row.beat_times_s[beat], to = row.beat_times_s[beat + 1];
      const double share = (time_s - from) / (to - from);
      label[kBeatLabel][t] = static_cast<int64_t>(kFrameLabelClasses[kBeatLabel] * share);
      const auto last_place = static_cast<double>(kFrameLabelClasses[kBarLabel] - 1);
      label[kBarLabel][t] = std::llround(std::clamp(row.beat_positions[beat] - 1, 0.0, last_place));
    }
    const int64_t chord = LastBefore(row.chord_times_s, time_s);
    if (chord >= 0) label[kChordLabel][t] = ChordClass(row.chords[chord]);
    label[kKeyLabel][t] = key;
  }
  return labels;
}

torch::Tensor ClipLabels(const MusicBenchRow& row) {
  int64_t tempo = kUnlabelled;
  if (row.bpm.has_value() && *row.bpm > 0) {
    const double octaves = std::log2(*row.bpm / kSlowestBpm);
    tempo = std::clamp<int64_t>(std::llround(kTempoClassesPerOctave * octaves), 0,
                                kClipLabelClasses[1] - 1);
  }
  return torch::tensor({KeyClass(row), tempo}, torch::kLong);
}

torch::Tensor Ticks(const MusicBenchRow& row, const BeatConfig& beats, double frame_rate_hz,
                    int64_t begin, int64_t count) {
  torch::Tensor ticks = torch::full({count}, beats.no_tick_id(), torch::kLong);
  const std::vector<double>& times_s = row.beat_times_s;
  const auto num_beats = static_cast<int64_t>(times_s.size());
  if (num_beats < 2) return ticks;
  const int64_t beats_per_bar = BeatsPerBar(row);
  auto* const tick = ticks.data_ptr<int64_t>();
  for (int64_t t = 0; t < count; ++t) {
    const double time_s = (static_cast<double>(begin + t) + 0.5) / frame_rate_hz;
    const int64_t beat = std::clamp<int64_t>(LastBefore(times_s, time_s), 0, num_beats - 2);
    const double length_s = times_s[beat + 1] - times_s[beat];
    if (!(length_s > 0)) continue;
    const double since = (time_s - times_s[beat]) / length_s;
    const double into_bar = std::fmod(row.beat_positions[beat] - 1 + since, beats_per_bar);
    tick[t] = TickAt(beats, std::fmod(into_bar + beats_per_bar, beats_per_bar));
  }
  return ticks;
}

torch::Tensor BeatLabels(const MusicBenchRow& row, const BeatConfig& beats, double frame_rate_hz) {
  int64_t tempo = kUnlabelled, bar = kUnlabelled;
  if (row.bpm.has_value()) {
    const std::optional<int> frames = beats.FramesPerBeat(*row.bpm, frame_rate_hz);
    if (frames.has_value()) tempo = *frames - beats.min_frames_per_beat;
  }
  if (row.beat_positions.size() > 1 && BeatsPerBar(row) <= beats.max_beats_per_bar) {
    bar = BeatsPerBar(row) - 1;
  }
  return torch::tensor({tempo, bar}, torch::kLong);
}

std::array<int64_t, 2> BeatLabelClasses(const BeatConfig& beats) {
  return {beats.num_tempos(), beats.max_beats_per_bar};
}

torch::Tensor SummedLabelLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                              at::IntArrayRef classes) {
  const std::vector<torch::Tensor> groups =
      logits.to(torch::kFloat).flatten(0, -2).split_with_sizes(classes, /*dim=*/1);
  const torch::Tensor wanted = labels.flatten(0, -2);
  torch::Tensor loss = torch::zeros({}, logits.device());
  for (size_t i = 0; i < groups.size(); ++i) {
    loss = loss + torch::cross_entropy_loss(groups[i], wanted.select(1, static_cast<int64_t>(i)),
                                            /*weight=*/{}, at::Reduction::Sum, kUnlabelled);
  }
  return loss;
}

}  // namespace magnet
