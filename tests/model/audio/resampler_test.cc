// Given audio keeps its pitch, its timing and its spectrum at the codec's rate.
#include "model/audio/resampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <utility>

namespace magnet {
namespace {

std::vector<float> Sine(double hz, int rate_hz, double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * rate_hz));
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz));
  }
  return samples;
}

// Largest |a - b| over the middle half, away from the ends' silence.
double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = a.size() / 4; i < a.size() * 3 / 4; ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return largest;
}

const std::pair<int, int> kRates[] = {{44100, 32000}, {48000, 32000}, {16000, 32000},
                                      {32000, 44100}, {8000, 24000},  {22050, 16000},
                                      {96000, 24000}, {44101, 31999}, {192000, 16000}};

// If it fails: tones change their level, pitch or time (a delay shows as a
// difference).
TEST(ResamplerTest, PassbandIsFlatAndInPlace) {
  for (const auto& [from, to] : kRates) {
    const double nyquist = std::min(from, to) / 2.0;
    for (const double share : {0.01, 0.3, 0.7, 0.9}) {
      const auto result = Resample(Sine(share * nyquist, from, 0.5), from, to);
      ASSERT_TRUE(result.ok()) << result.status();
      const double worst = LargestDifference(*result, Sine(share * nyquist, to, 0.5));
      EXPECT_LT(worst, 0.5 * (std::pow(10, 0.1 / 20) - 1))
          << from << " -> " << to << " Hz, tone of " << share * nyquist << " Hz";
    }
  }
}

// If it fails: what the new rate cannot hold comes back as wrong notes.
TEST(ResamplerTest, TonesOverTheNewNyquistVanish) {
  for (const auto& [from, to] : kRates) {
    if (to >= from) continue;
    for (const double share : {1.1, 1.3}) {
      const double hz = share * to / 2;
      if (hz >= from / 2.0) continue;
      const auto result = Resample(Sine(hz, from, 0.5), from, to);
      ASSERT_TRUE(result.ok()) << result.status();
      const std::vector<float> silence(result->size());
      EXPECT_LT(LargestDifference(*result, silence), 0.5 * std::pow(10, -90.0 / 20))
          << from << " -> " << to << " Hz, tone of " << hz << " Hz";
    }
  }
}

// If it fails: audio gets louder or softer by being resampled.
TEST(ResamplerTest, ConstantStaysConstant) {
  for (const auto& [from, to] : kRates) {
    const auto result = Resample(std::vector<float>(static_cast<size_t>(from), 0.25f), from, to);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_LT(LargestDifference(*result, std::vector<float>(result->size(), 0.25f)), 1e-5)
        << from << " -> " << to;
  }
}

// If it fails: given audio is a frame too short, and its last frame
// regenerated.
TEST(ResamplerTest, LengthIsTheNearestForAnyInput) {
  for (const auto& [from, to] : kRates) {
    for (const int length : {1, 2, 3, 100, 12345, 70000}) {
      const auto result = Resample(std::vector<float>(static_cast<size_t>(length)), from, to);
      ASSERT_TRUE(result.ok()) << result.status();
      const double exact = static_cast<double>(length) * to / from;
      EXPECT_LE(std::abs(static_cast<double>(result->size()) - std::max(exact, 1.0)), 0.5)
          << length << " samples, " << from << " -> " << to;
    }
  }
}

// If it fails: the extremes of the promised range are refused or distorted.
TEST(ResamplerTest, WholeRangeOfRates) {
  for (const auto& [from, to] : {std::pair{kMinResampleRateHz, kMaxResampleRateHz},
                                 std::pair{kMaxResampleRateHz, kMinResampleRateHz}}) {
    const auto result = Resample(Sine(100, from, 1), from, to);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->size(), static_cast<size_t>(to));
    EXPECT_LT(LargestDifference(*result, Sine(100, to, 1)), 1e-3) << from << " -> " << to;
  }
}

// If it fails: audio at the codec's own rate is changed for nothing.
TEST(ResamplerTest, EqualRatesChangeNothing) {
  const std::vector<float> samples = Sine(440, 32000, 0.01);
  EXPECT_EQ(*Resample(samples, 32000, 32000), samples);
}

TEST(ResamplerTest, NothingStaysNothing) { EXPECT_TRUE(Resample({}, 8000, 16000)->empty()); }

// If it fails: a hostile rate reaches the allocation of the result.
TEST(ResamplerTest, RatesOutOfRangeAreRefused) {
  for (const int rate : {-1, 0, kMinResampleRateHz - 1, kMaxResampleRateHz + 1}) {
    EXPECT_EQ(Resample({0.f}, rate, 32000).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Resample({0.f}, 32000, rate).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace magnet
