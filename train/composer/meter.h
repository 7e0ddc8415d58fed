// Meters, and the time of sixteenth notes.
#ifndef MAGNET_TRAIN_COMPOSER_METER_H_
#define MAGNET_TRAIN_COMPOSER_METER_H_

#include "absl/strings/string_view.h"

namespace magnet {

enum class Meter { kThreeFour, kFourFour, kSixEight };

// "3/4", "4/4" or "6/8".
absl::string_view MeterName(Meter meter);
// Sixteenth notes in a bar: 12, 16, 12.
int StepsPerBar(Meter meter);
// Sixteenth notes in a beat: 4, 4 and, in 6/8, 6 (a dotted quarter note).
int StepsPerBeat(Meter meter);
// 3, 4, 2.
int BeatsPerBar(Meter meter);

// The time of sixteenth notes at one tempo.
struct Grid {
  Meter meter = Meter::kFourFour;
  double bpm = 120;    // beats per minute; a beat as in StepsPerBeat
  bool swing = false;  // off-beat eighths come two thirds into the beat

  double StepSeconds() const;
  double BarSeconds() const;
  // Seconds from the first step to `step`; swing included.
  double SecondsAt(int step) const;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_METER_H_
