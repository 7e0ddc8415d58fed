#include "train/composer/clip.h"

#include <algorithm>

namespace magnet {
namespace {

constexpr double kLeadInSeconds = 0.02;  // so that a note played early keeps its attack
constexpr double kLaterStartChance = 0.15;

void AddChords(const Song& song, double start_s, ClipFacts& facts) {
  const double chord_s = song.plan.steps_per_chord * song.plan.grid.StepSeconds();
  for (const Section& section : song.sections) {
    for (size_t i = 0; i < section.chords.size(); ++i) {
      const double from = section.start_s + static_cast<double>(i) * chord_s - start_s;
      // A chord that only just begins or ends here is not heard as one.
      if (from + chord_s < 0.3 || from > kClipSeconds - 0.3) continue;
      const std::string name = ChordName(section.chords[i], song.plan.key);
      if (!facts.chords.empty() && facts.chords.back() == name) continue;
      facts.chords.push_back(name);
      facts.chord_times_s.push_back(std::max(from, 0.0));
    }
  }
}

void AddBeats(const Song& song, double start_s, ClipFacts& facts) {
  const Grid& grid = song.plan.grid;
  const int beats_per_bar = BeatsPerBar(grid.meter);
  for (const Section& section : song.sections) {
    for (int beat = 0; beat < section.num_bars * beats_per_bar; ++beat) {
      const double time_s = section.start_s + beat * 60.0 / grid.bpm - start_s;
      if (time_s < 0 || time_s >= kClipSeconds) continue;
      facts.beat_times_s.push_back(time_s);
      facts.beat_positions.push_back(beat % beats_per_bar + 1);
    }
  }
}

ClipFacts FactsOf(const Song& song, const Section& section, double start_s) {
  const SongPlan& plan = song.plan;
  ClipFacts facts;
  facts.key = plan.key;
  facts.meter = plan.grid.meter;
  facts.bpm = plan.grid.bpm;
  facts.named_bpm = plan.named_bpm;
  facts.style = plan.style;
  facts.lead = plan.lead;
  facts.drums = section.with_drums ? plan.drums : nullptr;
  facts.comping_program = plan.comping_program;
  facts.pad_program = section.with_pad ? plan.pad_program : -1;
  facts.bass_program = plan.bass_program;
  AddChords(song, start_s, facts);
  AddBeats(song, start_s, facts);
  return facts;
}

}  // namespace

std::vector<Clip> CutClips(const Song& song, const Random& random) {
  Random cuts = random.Fork("cuts");
  std::vector<Clip> clips;
  for (size_t i = 0; i < song.sections.size(); ++i) {
    const Section& section = song.sections[i];
    const Section* next = i + 1 < song.sections.size() ? &song.sections[i + 1] : nullptr;
    const bool same_band =
        next && next->with_drums == section.with_drums && next->with_pad == section.with_pad;
    const int bar = cuts.Integer(1, section.num_bars - 1);
    const bool later = cuts.Chance(kLaterStartChance) && same_band;
    const double bars_s = later ? bar * song.plan.grid.BarSeconds() : 0;
    Clip clip;
    clip.start_s = section.start_s + bars_s - kLeadInSeconds;
    clip.facts = FactsOf(song, section, clip.start_s);
    clips.push_back(std::move(clip));
  }
  return clips;
}

}  // namespace magnet
