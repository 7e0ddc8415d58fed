#include "train/composer/reverb.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace magnet {
namespace {

constexpr size_t kLines = 8;
// Mutually prime at 32 kHz, so that echoes do not pile up.
constexpr std::array<double, kLines> kDelaysSeconds = {0.0297, 0.0341, 0.0379, 0.0411,
                                                       0.0437, 0.0479, 0.0531, 0.0571};

struct DelayLine {
  std::vector<float> buffer;
  size_t position = 0;
  float feedback = 0;
  float lowpass = 0;
};

// Householder: mixes the lines without gaining or losing energy.
void Mix(std::array<float, kLines>& values) {
  float sum = 0;
  for (const float value : values) sum += value;
  for (float& value : values) value -= sum * (2.0f / kLines);
}

}  // namespace

std::vector<float> Reverberate(const std::vector<float>& dry, int sample_rate_hz,
                               const ReverbSettings& settings) {
  std::array<DelayLine, kLines> lines;
  for (size_t i = 0; i < kLines; ++i) {
    lines[i].buffer.assign(static_cast<size_t>(kDelaysSeconds[i] * sample_rate_hz), 0.0f);
    lines[i].feedback = static_cast<float>(std::pow(10, -3 * kDelaysSeconds[i] / settings.decay_s));
  }
  const float damping = static_cast<float>(settings.damping);
  std::vector<float> wet(dry.size());
  std::array<float, kLines> values;
  for (size_t n = 0; n < dry.size(); ++n) {
    float sum = 0;
    for (size_t i = 0; i < kLines; ++i) {
      DelayLine& line = lines[i];
      line.lowpass = (1 - damping) * line.buffer[line.position] + damping * line.lowpass;
      values[i] = line.lowpass * line.feedback;
      sum += i % 2 ? -values[i] : values[i];
    }
    wet[n] = sum * 0.35f;
    Mix(values);
    for (size_t i = 0; i < kLines; ++i) {
      DelayLine& line = lines[i];
      line.buffer[line.position] = values[i] + dry[n];
      line.position = line.position + 1 == line.buffer.size() ? 0 : line.position + 1;
    }
  }
  return wet;
}

}  // namespace magnet
