#include "train/composer/song.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "train/composer/accompaniment.h"
#include "train/composer/melody.h"

namespace magnet {
namespace {

constexpr int kMinBpm = 60;
constexpr int kMaxBpm = 180;
// Beats last whole frames of a codec of 50 frames a second: a beat's attack then lies alike in
// its frame every time, and a model of codes finds it again a fixed number of frames later.
constexpr double kFramesPerMinute = 3000;
// Slower, four chords of a phrase would not fit into a clip.
constexpr int kMinBpmThreeFour = 84;
constexpr int kMaxBpmSixEight = 126;
// Bars longer than this hold two chords.
constexpr double kLongBarSeconds = 2.6;

// The tempo nearest to `bpm` whose beats last whole frames; within 3 %.
double OnFrames(int bpm) { return kFramesPerMinute / std::round(kFramesPerMinute / bpm); }

Meter PickMeter(double bpm, Random& random) {
  const double draw = random.Uniform();
  if (draw < 0.22 && bpm >= kMinBpmThreeFour) return Meter::kThreeFour;
  if (draw >= 0.22 && draw < 0.44 && bpm <= kMaxBpmSixEight) return Meter::kSixEight;
  return Meter::kFourFour;
}

const Style* PickStyle(double bpm, Meter meter, Random& random) {
  std::vector<const Style*> fitting;
  for (const Style& style : Styles()) {
    const bool in_range = style.min_bpm <= bpm && bpm <= style.max_bpm;
    if (in_range && FindFigures(style, meter)) fitting.push_back(&style);
  }
  return fitting.empty() ? nullptr : random.Pick(fitting);
}

// Programs too close in timbre to tell the lead from its accompaniment.
bool Resembles(int program, int lead_program) {
  const auto family = [](int p) {
    if (p == 0 || p == 4 || p == 6) return 0;                // keyboards
    if (p >= 24 && p <= 28) return 1;                        // plucked guitars
    if (p == 30) return 2;                                   // distorted guitar
    if (p == 16 || p == 19) return 3;                        // organs
    if (p == 40 || p == 42 || p == 48 || p == 45) return 4;  // strings
    if (p == 56 || p == 58 || p == 61) return 5;             // brass
    if (p == 52 || p == 88 || p == 89) return 6;             // sustained clouds
    return 100 + p;
  };
  return family(program) == family(lead_program);
}

int PickProgram(const std::vector<int>& programs, int lead_program, int otherwise, Random& random) {
  std::vector<int> fitting;
  for (const int program : programs) {
    if (!Resembles(program, lead_program)) fitting.push_back(program);
  }
  return fitting.empty() ? otherwise : random.Pick(fitting);
}

void PickBand(SongPlan& plan, Random& random) {
  const Style& style = *plan.style;
  const Figures& figures = *FindFigures(style, plan.grid.meter);
  const int lead = plan.lead->program;
  const int spare = Resembles(0, lead) ? 24 : 0;
  plan.comping_program = PickProgram(style.comping_programs, lead, spare, random);
  plan.pad_program = PickProgram(style.pad_programs, lead, -1, random);
  plan.bass_program = PickProgram(style.bass_programs, lead, 32, random);
  plan.comping_figure = random.Pick(figures.comping);
  plan.bass_figure = random.Pick(figures.bass);
  const bool drumless = random.Chance(style.drumless_chance);
  if (!drumless && !figures.drums.empty()) plan.drums = &random.Pick(figures.drums);
}

std::vector<SectionKind> PickForm(Random& random) {
  using enum SectionKind;
  static const auto* forms =
      new std::vector<std::vector<SectionKind>>{{kVerse, kChorus},
                                                {kVerse, kChorus, kBridge},
                                                {kVerse, kVerse, kChorus},
                                                {kVerse, kChorus, kBridge, kChorus}};
  return random.Pick(*forms);
}

Section MakeSection(const SongPlan& plan, SectionKind kind, Random& random) {
  Section section;
  section.kind = kind;
  section.with_drums = plan.drums && (kind != SectionKind::kBridge || random.Chance(0.4));
  section.with_pad =
      plan.pad_program >= 0 && random.Chance(kind == SectionKind::kVerse ? 0.2 : 0.6);
  section.intensity = kind == SectionKind::kChorus  ? 1.0
                      : kind == SectionKind::kVerse ? random.Uniform(0.8, 0.95)
                                                    : random.Uniform(0.7, 0.85);
  return section;
}

}  // namespace

SongPlan PlanSong(const Random& random) {
  SongPlan plan;
  Random tempo = random.Fork("tempo");
  while (!plan.style) {
    plan.named_bpm = tempo.Integer(kMinBpm, kMaxBpm);
    const double bpm = OnFrames(plan.named_bpm);
    plan.grid.bpm = bpm;
    plan.grid.meter = PickMeter(bpm, tempo);
    plan.style = PickStyle(bpm, plan.grid.meter, tempo);
  }
  plan.grid.swing = plan.style->swing;
  Random key = random.Fork("key");
  plan.key = {key.Integer(0, 11), key.Chance(0.5) ? Mode::kMajor : Mode::kMinor};
  plan.lead = &random.Fork("lead").Pick(LeadInstruments());
  Random band = random.Fork("band");
  PickBand(plan, band);
  const int steps = StepsPerBar(plan.grid.meter);
  const bool long_bar =
      plan.grid.meter == Meter::kFourFour && plan.grid.BarSeconds() > kLongBarSeconds;
  plan.steps_per_chord = long_bar ? steps / 2 : steps;
  return plan;
}

std::vector<Section> PlanSections(const SongPlan& plan, const Random& random) {
  Random form = random.Fork("form");
  Random harmony = random.Fork("harmony");
  const double period_s = 8 * plan.steps_per_chord * plan.grid.StepSeconds();
  const int num_periods = period_s >= kMinSectionSeconds ? 1 : 2;
  std::vector<std::vector<Chord>> periods(3);  // by SectionKind
  std::vector<Section> sections;
  double start_s = 0.05;
  for (const SectionKind kind : PickForm(form)) {
    Section section = MakeSection(plan, kind, form);
    auto& period = periods[static_cast<size_t>(kind)];
    if (period.empty()) period = ComposePeriod(plan.key, plan.style->seventh_chance, harmony);
    for (int i = 0; i < num_periods; ++i) {
      section.chords.insert(section.chords.end(), period.begin(), period.end());
    }
    const int steps = static_cast<int>(section.chords.size()) * plan.steps_per_chord;
    section.num_bars = steps / StepsPerBar(plan.grid.meter);
    section.start_s = start_s;
    start_s += steps * plan.grid.StepSeconds();
    sections.push_back(std::move(section));
  }
  return sections;
}

Song ComposeSong(uint64_t seed, int index) {
  const Random random = Random(seed).Fork("song " + std::to_string(index));
  Song song;
  song.plan = PlanSong(random);
  song.sections = PlanSections(song.plan, random);
  Random melody = random.Fork("melody");
  Random players = random.Fork("players");
  const MelodyMotifs motifs = ComposeMotifs(song.plan, melody);
  for (const Section& section : song.sections) {
    ComposeMelody(song.plan, section, motifs, melody, song.score);
    PlayComping(song.plan, section, players, song.score);
    PlayPad(song.plan, section, song.score);
    PlayBass(song.plan, section, players, song.score);
    PlayDrums(song.plan, section, players, song.score);
  }
  const Section& last = song.sections.back();
  song.score.length_s = last.start_s + last.num_bars * song.plan.grid.BarSeconds() + 0.5;
  song.score.programs = {song.plan.lead->program, song.plan.comping_program,
                         std::max(song.plan.pad_program, 0), song.plan.bass_program, 0};
  song.score.Finish();
  return song;
}

const Chord& ChordAt(const SongPlan& plan, const Section& section, int step) {
  const size_t slot = static_cast<size_t>(step / plan.steps_per_chord);
  return section.chords[std::min(slot, section.chords.size() - 1)];
}

}  // namespace magnet
