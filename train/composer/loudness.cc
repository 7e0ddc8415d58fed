#include "train/composer/loudness.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numbers>

namespace magnet {
namespace {

constexpr double kLimiterSeconds = 0.004;

struct Biquad {
  double b0, b1, b2, a1, a2;

  void Apply(std::vector<double>& x) const {
    double z1 = 0, z2 = 0;
    for (double& sample : x) {
      const double y = b0 * sample + z1;
      z1 = b1 * sample - a1 * y + z2;
      z2 = b2 * sample - a2 * y;
      sample = y;
    }
  }
};

// The two filters of BS.1770, whose analogue prototypes are warped to this rate.
Biquad HighShelf(double sample_rate_hz) {
  const double gain = std::pow(10, 3.999843853973347 / 20);
  const double k = std::tan(std::numbers::pi * 1681.974450955533 / sample_rate_hz);
  const double q = 0.7071752369554196;
  const double vb = std::pow(gain, 0.4996667741545416);
  const double a0 = 1 + k / q + k * k;
  return {(gain + vb * k / q + k * k) / a0, 2 * (k * k - gain) / a0,
          (gain - vb * k / q + k * k) / a0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0};
}

Biquad HighPass(double sample_rate_hz) {
  const double k = std::tan(std::numbers::pi * 38.13547087602444 / sample_rate_hz);
  const double q = 0.5003270373238773;
  const double a0 = 1 + k / q + k * k;
  return {1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0};
}

double ToLufs(double power) { return power > 0 ? -0.691 + 10 * std::log10(power) : kSilenceLufs; }

// The mean of the powers above a gate, or 0 if none is.
double GatedMean(const std::vector<double>& powers, double gate_lufs) {
  double sum = 0;
  int count = 0;
  for (const double power : powers) {
    if (ToLufs(power) <= gate_lufs) continue;
    sum += power;
    ++count;
  }
  return count ? sum / count : 0;
}

std::vector<double> BlockPowers(const std::vector<double>& weighted, int sample_rate_hz) {
  const size_t block = static_cast<size_t>(sample_rate_hz) * 2 / 5;
  const size_t hop = block / 4;
  std::vector<double> powers;
  for (size_t start = 0; start + block <= weighted.size(); start += hop) {
    double sum = 0;
    for (size_t i = start; i < start + block; ++i) sum += weighted[i] * weighted[i];
    powers.push_back(sum / static_cast<double>(block));
  }
  return powers;
}

// For each sample the least gain that any sample within `reach` of it needs.
std::vector<float> NeededGains(const std::vector<float>& samples, float ceiling, int reach) {
  const int n = static_cast<int>(samples.size());
  std::vector<float> gains(samples.size());
  std::deque<int> lowest;  // indices of rising gains
  const auto need = [&](int i) {
    return std::min(1.0f, ceiling / std::max(std::abs(samples[static_cast<size_t>(i)]), 1e-9f));
  };
  for (int i = 0; i < n + reach; ++i) {
    if (i < n) {
      while (!lowest.empty() && need(lowest.back()) >= need(i)) lowest.pop_back();
      lowest.push_back(i);
    }
    if (i < reach) continue;
    while (lowest.front() < i - 2 * reach) lowest.pop_front();
    gains[static_cast<size_t>(i - reach)] = need(lowest.front());
  }
  return gains;
}

void Limit(std::vector<float>& samples, float ceiling, int reach) {
  const std::vector<float> needed = NeededGains(samples, ceiling, reach);
  const int n = static_cast<int>(samples.size());
  const auto at = [&](int i) { return needed[static_cast<size_t>(std::clamp(i, 0, n - 1))]; };
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) sum += at(i);
  for (int i = 0; i < n; ++i) {
    float& sample = samples[static_cast<size_t>(i)];
    sample = std::clamp(static_cast<float>(sample * sum / (2 * reach + 1)), -ceiling, ceiling);
    sum += at(i + reach + 1) - at(i - reach);
  }
}

}  // namespace

double IntegratedLoudness(const std::vector<float>& samples, int sample_rate_hz) {
  std::vector<double> weighted(samples.begin(), samples.end());
  HighShelf(sample_rate_hz).Apply(weighted);
  HighPass(sample_rate_hz).Apply(weighted);
  const std::vector<double> powers = BlockPowers(weighted, sample_rate_hz);
  const double ungated = GatedMean(powers, kSilenceLufs);
  if (ungated == 0) return kSilenceLufs;
  return std::max(ToLufs(GatedMean(powers, ToLufs(ungated) - 10)), kSilenceLufs);
}

void Master(std::vector<float>& samples, int sample_rate_hz, double target_lufs, float ceiling) {
  const int reach = static_cast<int>(kLimiterSeconds * sample_rate_hz);
  for (int round = 0; round < 4; ++round) {
    const double loudness = IntegratedLoudness(samples, sample_rate_hz);
    if (loudness <= kSilenceLufs) return;
    if (round > 0 && std::abs(loudness - target_lufs) < 0.3) return;
    const float gain = static_cast<float>(std::pow(10, (target_lufs - loudness) / 20));
    for (float& sample : samples) sample *= gain;
    Limit(samples, ceiling, reach);
  }
}

void FadeEnds(std::vector<float>& samples, int fade_in_samples, int fade_out_samples) {
  const auto ramp = [](int i, int length) {
    return static_cast<float>(0.5 - 0.5 * std::cos(std::numbers::pi * (i + 0.5) / length));
  };
  const int n = static_cast<int>(samples.size());
  for (int i = 0; i < std::min(fade_in_samples, n); ++i)
    samples[static_cast<size_t>(i)] *= ramp(i, fade_in_samples);
  for (int i = 0; i < std::min(fade_out_samples, n); ++i)
    samples[static_cast<size_t>(n - 1 - i)] *= ramp(i, fade_out_samples);
}

}  // namespace magnet
