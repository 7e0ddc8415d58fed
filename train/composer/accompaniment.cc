#include "train/composer/accompaniment.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/string_view.h"
#include "train/composer/drum_patterns.h"

namespace magnet {
namespace {

constexpr int kCrash = 49;
constexpr int kLowestBass = 31;

int Velocity(double base, const Section& section, Random& random) {
  return static_cast<int>(std::clamp(base * section.intensity + 4 * random.Bell(), 20.0, 125.0));
}

// Adds notes of one part of one section; times of steps include swing and a human hand.
class Player {
 public:
  Player(const SongPlan& plan, const Section& section, Part part, double looseness_s,
         Random& random, Score& score)
      : plan_(plan),
        section_(section),
        part_(part),
        looseness_s_(looseness_s),
        random_(random),
        score_(score) {}

  void Play(int step, int duration, int pitch, double velocity) {
    const Grid& grid = plan_.grid;
    const double start_s = grid.SecondsAt(step);
    Note note;
    note.part = part_;
    note.pitch = pitch;
    note.velocity = Velocity(velocity, section_, random_);
    note.start_s = section_.start_s + std::max(0.0, start_s + looseness_s_ * random_.Bell());
    note.duration_s = (grid.SecondsAt(step + duration) - start_s) * 0.96;
    score_.notes.push_back(note);
  }

  // A stroke ends with its chord, or it would sound into the next.
  int UntilNextChord(int step, int duration) const {
    return std::min(duration, plan_.steps_per_chord - step % plan_.steps_per_chord);
  }

 private:
  const SongPlan& plan_;
  const Section& section_;
  const Part part_;
  const double looseness_s_;
  Random& random_;
  Score& score_;
};

int CompingCentre(const SongPlan& plan) { return plan.lead->low < 54 ? 66 : 58; }

void PlayCompingStroke(const Stroke& stroke, int step, int duration,
                       const std::vector<int>& voicing, Player& player) {
  const double velocity = stroke.symbol == 'c' ? 62 : 76;
  if (stroke.symbol == 'C' || stroke.symbol == 'c') {
    for (const int pitch : voicing) player.Play(step, duration, pitch, velocity);
    return;
  }
  const size_t index = stroke.symbol == 'B' ? 0 : static_cast<size_t>(stroke.symbol - '1');
  const int octave = 12 * static_cast<int>(index / voicing.size());
  player.Play(step, duration, voicing[index % voicing.size()] + octave, velocity);
}

int RootPitch(PitchClass root) {
  int pitch = root;
  while (pitch < kLowestBass) pitch += 12;
  return pitch;
}

int BassPitch(const SongPlan& plan, const Chord& chord, const Chord& next, char symbol) {
  const int root = RootPitch(chord.root);
  const std::vector<PitchClass> tones = ChordTones(chord);
  const auto above = [&](PitchClass tone) { return root + (tone - chord.root + 12) % 12; };
  switch (symbol) {
    case '3':
      return above(tones[1]);
    case '5':
      return above(tones[2]);
    case '8':
      return root + 12;
    case 'L': {  // the step of the key below the next root
      const std::vector<PitchClass> scale = ScaleOver(plan.key, next);
      int pitch = RootPitch(next.root) - 1;
      while (std::find(scale.begin(), scale.end(), pitch % 12) == scale.end()) --pitch;
      return pitch;
    }
    default:
      return root;
  }
}

void PlayFill(int first_step, int last_step, Player& player) {
  for (int step = first_step; step < last_step; step += 2) {
    player.Play(step, 1, kSnare, 60 + 3 * (step - first_step));
  }
}

}  // namespace

std::vector<Stroke> ParseFigure(absl::string_view figure) {
  std::vector<Stroke> strokes;
  for (size_t i = 0; i < figure.size(); ++i) {
    if (figure[i] == '.' || figure[i] == '-') continue;
    size_t end = i + 1;
    while (end < figure.size() && figure[end] == '-') ++end;
    strokes.push_back({static_cast<int>(i), static_cast<int>(end - i), figure[i]});
  }
  return strokes;
}

std::vector<int> Voicing(const Chord& chord, int centre) {
  std::vector<int> pitches;
  for (const PitchClass tone : ChordTones(chord)) {
    const int lowest = centre - 6;
    pitches.push_back(lowest + ((tone - lowest) % 12 + 12) % 12);
  }
  std::sort(pitches.begin(), pitches.end());
  return pitches;
}

void PlayComping(const SongPlan& plan, const Section& section, Random& random, Score& score) {
  Player player(plan, section, Part::kComping, /*looseness_s=*/0.007, random, score);
  const std::vector<Stroke> strokes = ParseFigure(plan.comping_figure);
  const int bar_steps = StepsPerBar(plan.grid.meter);
  for (int bar = 0; bar < section.num_bars; ++bar) {
    for (const Stroke& stroke : strokes) {
      const int step = bar * bar_steps + stroke.step;
      const std::vector<int> voicing = Voicing(ChordAt(plan, section, step), CompingCentre(plan));
      PlayCompingStroke(stroke, step, player.UntilNextChord(step, stroke.duration), voicing,
                        player);
    }
    // A held chord is struck again where the chord changes inside the bar.
    const int middle = bar * bar_steps + plan.steps_per_chord;
    const bool struck = std::any_of(strokes.begin(), strokes.end(), [&](const Stroke& stroke) {
      return stroke.step == plan.steps_per_chord;
    });
    if (plan.steps_per_chord < bar_steps && !struck) {
      const std::vector<int> voicing = Voicing(ChordAt(plan, section, middle), CompingCentre(plan));
      PlayCompingStroke({0, 4, 'c'}, middle, 4, voicing, player);
    }
  }
}

void PlayPad(const SongPlan& plan, const Section& section, Score& score) {
  if (!section.with_pad) return;
  Random steady(1);
  Player player(plan, section, Part::kPad, /*looseness_s=*/0, steady, score);
  for (size_t slot = 0; slot < section.chords.size(); ++slot) {
    const int step = static_cast<int>(slot) * plan.steps_per_chord;
    for (const int pitch : Voicing(section.chords[slot], CompingCentre(plan) + 4)) {
      player.Play(step, plan.steps_per_chord, pitch, 70);
    }
  }
}

void PlayBass(const SongPlan& plan, const Section& section, Random& random, Score& score) {
  Player player(plan, section, Part::kBass, /*looseness_s=*/0.005, random, score);
  const int bar_steps = StepsPerBar(plan.grid.meter);
  for (int bar = 0; bar < section.num_bars; ++bar) {
    std::vector<Stroke> strokes = ParseFigure(plan.bass_figure);
    if (plan.steps_per_chord < bar_steps) {
      // Two chords a bar: each has its root, and nothing that leads elsewhere.
      strokes = {{0, plan.steps_per_chord, 'R'}, {plan.steps_per_chord, plan.steps_per_chord, 'R'}};
    }
    for (const Stroke& stroke : strokes) {
      const int step = bar * bar_steps + stroke.step;
      const Chord& chord = ChordAt(plan, section, step);
      const Chord& next = ChordAt(plan, section, (bar + 1) * bar_steps);
      const double accent = stroke.step == 0 ? 8 : 0;
      player.Play(step, player.UntilNextChord(step, stroke.duration),
                  BassPitch(plan, chord, next, stroke.symbol), 84 + accent);
    }
  }
}

void PlayDrums(const SongPlan& plan, const Section& section, Random& random, Score& score) {
  if (!section.with_drums) return;
  Player player(plan, section, Part::kDrums, /*looseness_s=*/0.003, random, score);
  const int bar_steps = StepsPerBar(plan.grid.meter);
  const bool fills = random.Chance(0.5);
  if (section.kind == SectionKind::kChorus) player.Play(0, 8, kCrash, 80);
  for (int bar = 0; bar < section.num_bars; ++bar) {
    const bool fill = fills && bar + 1 == section.num_bars;
    const int groove_end = fill ? bar_steps / 2 : bar_steps;
    for (const DrumVoice& voice : plan.drums->voices) {
      for (const Stroke& stroke : ParseFigure(voice.steps)) {
        const double velocity = stroke.symbol == 'X' ? 100 : stroke.symbol == 'x' ? 84 : 60;
        if (stroke.step < groove_end)
          player.Play(bar * bar_steps + stroke.step, 1, voice.key, velocity);
      }
    }
    if (fill) PlayFill(bar * bar_steps + groove_end, (bar + 1) * bar_steps, player);
  }
}

}  // namespace magnet
