#include "train/composer/mix.h"

#include <cmath>

#include "train/composer/loudness.h"

namespace magnet {
namespace {

constexpr double kLeadLufs = -18;

}  // namespace

MixSettings PickMix(Random& random) {
  MixSettings mix;
  mix.loudness_lu = {0, random.Uniform(-11, -8), random.Uniform(-16, -13), random.Uniform(-8, -5),
                     random.Uniform(-13, -9)};
  const double room = random.Uniform(0.03, 0.2);
  mix.reverb_send = {room, 0.8 * room, room, 0.1 * room, 0.35 * room};
  mix.reverb = {random.Uniform(0.4, 1.4), random.Uniform(0.3, 0.65)};
  return mix;
}

std::vector<float> Mix(std::array<std::vector<float>, kNumParts> tracks,
                       const MixSettings& settings, int sample_rate_hz) {
  std::vector<float> mix(tracks[0].size());
  std::vector<float> send(tracks[0].size());
  for (size_t part = 0; part < kNumParts; ++part) {
    const double loudness = IntegratedLoudness(tracks[part], sample_rate_hz);
    if (loudness <= kSilenceLufs) continue;
    const double gain = std::pow(10, (kLeadLufs + settings.loudness_lu[part] - loudness) / 20);
    for (size_t i = 0; i < mix.size(); ++i) {
      const float sample = tracks[part][i] * static_cast<float>(gain);
      mix[i] += sample;
      send[i] += sample * static_cast<float>(settings.reverb_send[part]);
    }
  }
  const std::vector<float> wet = Reverberate(send, sample_rate_hz, settings.reverb);
  for (size_t i = 0; i < mix.size(); ++i) mix[i] += wet[i];
  return mix;
}

}  // namespace magnet
