#include "train/composer/melody.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace magnet {
namespace {

using Rhythm = std::vector<int>;

const std::vector<Rhythm>& Rhythms(Meter meter) {
  static const auto* four = new std::vector<Rhythm>{
      {4, 4, 4, 4},       {8, 4, 4},       {4, 4, 8},       {6, 2, 8}, {6, 2, 4, 4},
      {4, 2, 2, 8},       {4, 2, 2, 4, 4}, {2, 2, 4, 4, 4}, {8, 8},    {12, 4},
      {6, 2, 6, 2},       {2, 2, 4, 8},    {4, 4, 2, 2, 4}, {6, 6, 4}, {8, 2, 2, 4},
      {2, 2, 2, 2, 4, 4}, {2, 2, 2, 2, 8}};
  static const auto* three = new std::vector<Rhythm>{{4, 4, 4}, {8, 4}, {4, 8},       {4, 2, 2, 4},
                                                     {6, 2, 4}, {12},   {4, 4, 2, 2}, {2, 2, 4, 4}};
  static const auto* six =
      new std::vector<Rhythm>{{6, 6},       {4, 2, 4, 2}, {4, 2, 6}, {6, 4, 2},
                              {2, 2, 2, 6}, {6, 2, 2, 2}, {12},      {4, 2, 2, 2, 2}};
  return meter == Meter::kFourFour ? *four : meter == Meter::kThreeFour ? *three : *six;
}

Rhythm PickRhythm(const Grid& grid, Random& random) {
  std::vector<Rhythm> fitting;
  for (const Rhythm& rhythm : Rhythms(grid.meter)) {
    const double notes_per_second = static_cast<double>(rhythm.size()) / grid.BarSeconds();
    if (notes_per_second >= 0.7 && notes_per_second <= 3.3) fitting.push_back(rhythm);
  }
  return random.Pick(fitting);
}

// The bar that ends a phrase: comes to rest on its last chord.
Rhythm EndingRhythm(const SongPlan& plan) {
  const int bar = StepsPerBar(plan.grid.meter);
  if (plan.steps_per_chord < bar) return {bar / 4, bar / 4, bar / 2};
  return {bar};
}

bool IsStrong(const SongPlan& plan, int step) {
  const int bar = StepsPerBar(plan.grid.meter);
  const bool middle = plan.grid.meter != Meter::kThreeFour && step % bar == bar / 2;
  return step % bar == 0 || middle || step % plan.steps_per_chord == 0;
}

// Pitches of these classes within the lead's range, from below.
std::vector<int> Ladder(const std::vector<PitchClass>& classes, const LeadInstrument& lead) {
  std::vector<int> ladder;
  for (int pitch = lead.low; pitch <= lead.high; ++pitch) {
    if (std::find(classes.begin(), classes.end(), pitch % 12) != classes.end()) {
      ladder.push_back(pitch);
    }
  }
  return ladder;
}

int Nearest(const std::vector<int>& ladder, double wanted) {
  return *std::min_element(ladder.begin(), ladder.end(), [&](int a, int b) {
    return std::abs(a - wanted) < std::abs(b - wanted);
  });
}

int StepFrom(const std::vector<int>& ladder, int pitch, int move) {
  const int last = static_cast<int>(ladder.size()) - 1;
  const auto at = std::find(ladder.begin(), ladder.end(), Nearest(ladder, pitch));
  int index = static_cast<int>(at - ladder.begin()) + move;
  if (index < 0) index = -index;
  if (index > last) index = 2 * last - index;
  return ladder[static_cast<size_t>(std::clamp(index, 0, last))];
}

// A chord tone near `wanted`; the key's tonic and fifth win where it is close.
int ChordTone(const SongPlan& plan, const Chord& chord, double wanted) {
  const PitchClass tonic = plan.key.tonic;
  std::vector<PitchClass> tones = ChordTones(chord);
  tones.resize(3);  // the seventh is no place to rest
  const std::vector<int> ladder = Ladder(tones, *plan.lead);
  const auto cost = [&](int pitch) {
    const int above_tonic = (pitch - tonic + 120) % 12;
    const double stability = above_tonic == 0 ? 1.5 : above_tonic == 7 ? 0.7 : 0.0;
    return std::abs(pitch - wanted) - stability;
  };
  return *std::min_element(ladder.begin(), ladder.end(),
                           [&](int a, int b) { return cost(a) < cost(b); });
}

// Walks through a section's bars and keeps where the melody is.
class Melodist {
 public:
  Melodist(const SongPlan& plan, const Section& section, Random& random, Score& score)
      : plan_(plan), section_(section), random_(random), score_(score) {}

  void Play(const MelodyMotifs& motifs) {
    const int period_bars = 8 * plan_.steps_per_chord / StepsPerBar(plan_.grid.meter);
    pitch_ = StartPitch();
    for (int bar = 0; bar < section_.num_bars; ++bar) {
      PlayBar(bar, MotifOf(bar % period_bars, period_bars, motifs),
              /*closes=*/bar % period_bars == period_bars - 1);
    }
  }

 private:
  int StartPitch() {
    const double middle = (plan_.lead->low + plan_.lead->high) / 2.0;
    return ChordTone(plan_, section_.chords.front(), middle + random_.Uniform(-5, 5));
  }

  // Bars of a phrase: a b a (or c), then its ending.
  Motif MotifOf(int bar, int period_bars, const MelodyMotifs& motifs) {
    const int phrase_bars = period_bars / 2;
    const int in_phrase = bar % phrase_bars;
    if (in_phrase == phrase_bars - 1) return Ending();
    const size_t returning = in_phrase == 2 && random_.Chance(0.5) ? 2 : 0;
    Motif motif = motifs.bars[in_phrase == 1 ? 1 : returning];
    const size_t varied =
        static_cast<size_t>(random_.Integer(0, static_cast<int>(motif.moves.size()) - 1));
    motif.moves[varied] += random_.Integer(-1, 1);
    return motif;
  }

  Motif Ending() {
    Motif motif{EndingRhythm(plan_), {}};
    for (size_t i = 0; i < motif.durations.size(); ++i)
      motif.moves.push_back(random_.Integer(-1, 1));
    return motif;
  }

  void PlayBar(int bar, const Motif& motif, bool closes) {
    int step = bar * StepsPerBar(plan_.grid.meter);
    for (size_t i = 0; i < motif.durations.size(); ++i) {
      const bool is_last = i + 1 == motif.durations.size();
      const bool first = step == 0;
      const Chord& chord = ChordAt(plan_, section_, step);
      if (closes && is_last) {
        pitch_ = Nearest(Ladder({plan_.key.tonic}, *plan_.lead), pitch_);
      } else if (IsStrong(plan_, step)) {
        pitch_ = ChordTone(plan_, chord, first ? pitch_ : pitch_ + 1.8 * motif.moves[i] + Pull());
      } else {
        pitch_ = StepFrom(Ladder(ScaleOver(plan_.key, chord), *plan_.lead), pitch_, motif.moves[i]);
      }
      Add(step, motif.durations[i], closes && is_last);
      step += motif.durations[i];
    }
  }

  // Draws the line back to the middle of the range.
  double Pull() const { return ((plan_.lead->low + plan_.lead->high) / 2.0 - pitch_) * 0.2; }

  void Add(int step, int duration, bool closes) {
    const Grid& grid = plan_.grid;
    const double start_s = grid.SecondsAt(step);
    const double length_s = grid.SecondsAt(step + duration) - start_s;
    const double accent = IsStrong(plan_, step) ? 8 : 0;
    Note note;
    note.part = Part::kLead;
    note.pitch = pitch_;
    note.velocity = static_cast<int>(
        std::clamp(section_.intensity * (92 + accent) + 4 * random_.Bell(), 40.0, 122.0));
    note.start_s = section_.start_s + std::max(0.0, start_s + 0.006 * random_.Bell());
    note.duration_s = length_s * (plan_.lead->rings ? 1.0 : closes ? 0.8 : 0.93);
    score_.notes.push_back(note);
  }

  const SongPlan& plan_;
  const Section& section_;
  Random& random_;
  Score& score_;
  int pitch_ = 60;
};

}  // namespace

MelodyMotifs ComposeMotifs(const SongPlan& plan, Random& random) {
  static const auto* moves = new std::vector<int>{-2, -1, -1, 1, 1, 2, 1, -1, 0};
  MelodyMotifs motifs;
  for (Motif& motif : motifs.bars) {
    motif.durations = PickRhythm(plan.grid, random);
    for (size_t i = 0; i < motif.durations.size(); ++i) motif.moves.push_back(random.Pick(*moves));
  }
  return motifs;
}

void ComposeMelody(const SongPlan& plan, const Section& section, const MelodyMotifs& motifs,
                   Random& random, Score& score) {
  Melodist(plan, section, random, score).Play(motifs);
}

}  // namespace magnet
