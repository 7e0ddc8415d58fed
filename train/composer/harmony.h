// Keys, chords and progressions.
#ifndef MAGNET_TRAIN_COMPOSER_HARMONY_H_
#define MAGNET_TRAIN_COMPOSER_HARMONY_H_

#include <string>
#include <vector>

#include "train/random.h"

namespace magnet {

// A pitch class: 0 (C) to 11 (B).
using PitchClass = int;

enum class Mode { kMajor, kMinor };

struct Key {
  PitchClass tonic = 0;
  Mode mode = Mode::kMajor;
};

enum class ChordQuality {
  kMajor,
  kMinor,
  kDiminished,
  kMajorSeventh,
  kMinorSeventh,
  kDominantSeventh,
  kHalfDiminished,
};

struct Chord {
  int degree = 1;  // 1 to 7: the step of the key that the root stands on
  PitchClass root = 0;
  ChordQuality quality = ChordQuality::kMajor;
};

// The name of a key's tonic, as key detectors and MusicBench print it:
// one of A Bb B C C# D Eb E F F# G Ab.
std::string TonicName(const Key& key);
// "major" or "minor".
std::string ModeName(Mode mode);
// "Am", "Bb", "F#m7", "Gmaj7", "Bm7b5": spelled with the sharps or flats of the key.
std::string ChordName(const Chord& chord, const Key& key);

// Root, third, fifth and, where the quality has one, seventh, in this order.
std::vector<PitchClass> ChordTones(const Chord& chord);

// The seven pitch classes in use while `chord` sounds: the key's own, and in a
// minor key with the raised seventh step over chords that contain it.
std::vector<PitchClass> ScaleOver(const Key& key, const Chord& chord);

// The chord on a degree (1 to 7). The fifth degree of a minor key is major
// (dominant), which is what makes its cadences real.
Chord DiatonicChord(const Key& key, int degree, bool with_seventh);

// Eight chords: two phrases of four that both begin on the tonic; the first ends
// open or closed, the second with an authentic cadence.
// `seventh_chance`: how often a chord other than the last carries its seventh.
std::vector<Chord> ComposePeriod(const Key& key, double seventh_chance, Random& random);

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_HARMONY_H_
