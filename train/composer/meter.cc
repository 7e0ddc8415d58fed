#include "train/composer/meter.h"

#include "absl/strings/string_view.h"

namespace magnet {

absl::string_view MeterName(Meter meter) {
  switch (meter) {
    case Meter::kThreeFour:
      return "3/4";
    case Meter::kFourFour:
      return "4/4";
    case Meter::kSixEight:
      return "6/8";
  }
  return "";
}

int StepsPerBar(Meter meter) { return meter == Meter::kFourFour ? 16 : 12; }

int StepsPerBeat(Meter meter) { return meter == Meter::kSixEight ? 6 : 4; }

int BeatsPerBar(Meter meter) { return StepsPerBar(meter) / StepsPerBeat(meter); }

double Grid::StepSeconds() const { return 60.0 / bpm / StepsPerBeat(meter); }

double Grid::BarSeconds() const { return StepSeconds() * StepsPerBar(meter); }

double Grid::SecondsAt(int step) const {
  double position = step;
  if (swing && meter != Meter::kSixEight) {
    const int in_beat = step % 4;
    if (in_beat == 2) position += 2.0 / 3;
    if (in_beat == 1 || in_beat == 3) position += 1.0 / 3;
  }
  return position * StepSeconds();
}

}  // namespace magnet
