#include "train/composer/harmony.h"

#include <algorithm>
#include <array>

namespace magnet {
namespace {

constexpr std::array<const char*, 12> kTonics = {"C",  "C#", "D",  "Eb", "E",  "F",
                                                 "F#", "G",  "Ab", "A",  "Bb", "B"};
constexpr std::array<const char*, 12> kSharps = {"C",  "C#", "D",  "D#", "E",  "F",
                                                 "F#", "G",  "G#", "A",  "A#", "B"};
constexpr std::array<const char*, 12> kFlats = {"C",  "Db", "D",  "Eb", "E",  "F",
                                                "Gb", "G",  "Ab", "A",  "Bb", "B"};
constexpr std::array<int, 7> kMajorScale = {0, 2, 4, 5, 7, 9, 11};
constexpr std::array<int, 7> kMinorScale = {0, 2, 3, 5, 7, 8, 10};

using Phrase = std::array<int, 4>;  // degrees

const std::vector<Phrase>& Openings(Mode mode) {
  static const auto* major =
      new std::vector<Phrase>{{1, 4, 5, 1}, {1, 4, 1, 5}, {1, 6, 4, 5}, {1, 2, 5, 1}, {1, 1, 4, 5},
                              {1, 5, 6, 4}, {1, 6, 2, 5}, {1, 5, 4, 1}, {1, 6, 5, 1}, {1, 5, 1, 4}};
  static const auto* minor =
      new std::vector<Phrase>{{1, 4, 5, 1}, {1, 4, 1, 5}, {1, 6, 4, 5}, {1, 6, 5, 1}, {1, 1, 4, 5},
                              {1, 7, 6, 5}, {1, 5, 1, 5}, {1, 4, 6, 5}, {1, 5, 4, 1}};
  return mode == Mode::kMajor ? *major : *minor;
}

const std::vector<Phrase>& Closings(Mode mode) {
  static const auto* major =
      new std::vector<Phrase>{{1, 4, 5, 1}, {1, 6, 5, 1}, {1, 2, 5, 1}, {1, 5, 5, 1}};
  static const auto* minor =
      new std::vector<Phrase>{{1, 4, 5, 1}, {1, 6, 5, 1}, {1, 5, 5, 1}, {1, 4, 5, 1}};
  return mode == Mode::kMajor ? *major : *minor;
}

PitchClass Wrap(int pitch) { return (pitch % 12 + 12) % 12; }

// Whether the key's signature has flats (F, Bb, Eb, Ab, Db major and their relatives).
bool UsesFlats(const Key& key) {
  const PitchClass major_tonic = key.mode == Mode::kMajor ? key.tonic : Wrap(key.tonic + 3);
  const bool db_major = major_tonic == 1 && key.mode == Mode::kMajor;
  return db_major || major_tonic == 5 || major_tonic == 10 || major_tonic == 3 || major_tonic == 8;
}

ChordQuality TriadQuality(Mode mode, int degree) {
  using enum ChordQuality;
  constexpr std::array<ChordQuality, 7> major = {kMajor, kMinor, kMinor,     kMajor,
                                                 kMajor, kMinor, kDiminished};
  constexpr std::array<ChordQuality, 7> minor = {kMinor, kDiminished, kMajor, kMinor,
                                                 kMajor, kMajor,      kMajor};
  return (mode == Mode::kMajor ? major : minor)[static_cast<size_t>(degree - 1)];
}

ChordQuality WithSeventh(ChordQuality triad, int degree) {
  if (degree == 5) return ChordQuality::kDominantSeventh;
  if (triad == ChordQuality::kMajor) return ChordQuality::kMajorSeventh;
  if (triad == ChordQuality::kMinor) return ChordQuality::kMinorSeventh;
  return ChordQuality::kHalfDiminished;
}

std::vector<int> Intervals(ChordQuality quality) {
  switch (quality) {
    case ChordQuality::kMajor:
      return {0, 4, 7};
    case ChordQuality::kMinor:
      return {0, 3, 7};
    case ChordQuality::kDiminished:
      return {0, 3, 6};
    case ChordQuality::kMajorSeventh:
      return {0, 4, 7, 11};
    case ChordQuality::kMinorSeventh:
      return {0, 3, 7, 10};
    case ChordQuality::kDominantSeventh:
      return {0, 4, 7, 10};
    case ChordQuality::kHalfDiminished:
      return {0, 3, 6, 10};
  }
  return {};
}

const char* Suffix(ChordQuality quality) {
  switch (quality) {
    case ChordQuality::kMajor:
      return "";
    case ChordQuality::kMinor:
      return "m";
    case ChordQuality::kDiminished:
      return "dim";
    case ChordQuality::kMajorSeventh:
      return "maj7";
    case ChordQuality::kMinorSeventh:
      return "m7";
    case ChordQuality::kDominantSeventh:
      return "7";
    case ChordQuality::kHalfDiminished:
      return "m7b5";
  }
  return "";
}

}  // namespace

std::string TonicName(const Key& key) { return kTonics[static_cast<size_t>(key.tonic)]; }

std::string ModeName(Mode mode) { return mode == Mode::kMajor ? "major" : "minor"; }

std::string ChordName(const Chord& chord, const Key& key) {
  const auto& names = UsesFlats(key) ? kFlats : kSharps;
  return std::string(names[static_cast<size_t>(chord.root)]) + Suffix(chord.quality);
}

std::vector<PitchClass> ChordTones(const Chord& chord) {
  std::vector<PitchClass> tones;
  for (const int interval : Intervals(chord.quality)) tones.push_back(Wrap(chord.root + interval));
  return tones;
}

std::vector<PitchClass> ScaleOver(const Key& key, const Chord& chord) {
  const auto& steps = key.mode == Mode::kMajor ? kMajorScale : kMinorScale;
  std::vector<PitchClass> scale;
  for (const int step : steps) scale.push_back(Wrap(key.tonic + step));
  const std::vector<PitchClass> tones = ChordTones(chord);
  const PitchClass leading_tone = Wrap(key.tonic - 1);
  if (std::find(tones.begin(), tones.end(), leading_tone) != tones.end()) {
    scale.back() = leading_tone;
  }
  return scale;
}

Chord DiatonicChord(const Key& key, int degree, bool with_seventh) {
  const auto& steps = key.mode == Mode::kMajor ? kMajorScale : kMinorScale;
  Chord chord;
  chord.degree = degree;
  chord.root = Wrap(key.tonic + steps[static_cast<size_t>(degree - 1)]);
  const ChordQuality triad = TriadQuality(key.mode, degree);
  chord.quality = with_seventh ? WithSeventh(triad, degree) : triad;
  return chord;
}

std::vector<Chord> ComposePeriod(const Key& key, double seventh_chance, Random& random) {
  std::vector<int> degrees;
  for (const int degree : random.Pick(Openings(key.mode))) degrees.push_back(degree);
  for (const int degree : random.Pick(Closings(key.mode))) degrees.push_back(degree);
  std::vector<Chord> period;
  for (const int degree : degrees) {
    // A tonic with a seventh blurs which note is home: rarer.
    const double chance = degree == 1 ? seventh_chance * 0.3 : seventh_chance;
    const bool last = period.size() + 1 == degrees.size();
    // In minor the seventh on VII would make it the relative key's dominant.
    const bool allowed = !last && !(key.mode == Mode::kMinor && degree == 7);
    const bool with_seventh = random.Chance(chance) && allowed;
    period.push_back(DiatonicChord(key, degree, with_seventh));
  }
  return period;
}

}  // namespace magnet
