#include "server/streaming_resampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace magnet {
namespace {

std::vector<float> Tone(double hz, int rate, size_t count) {
  std::vector<float> samples(count);
  for (size_t i = 0; i < count; ++i)
    samples[i] = std::sin(2 * M_PI * hz * static_cast<double>(i) / rate);
  return samples;
}

std::vector<float> Resample(const std::vector<float>& in, int from, int to, size_t piece) {
  StreamingResampler resampler(from, to);
  std::vector<float> out;
  for (size_t i = 0; i < in.size(); i += piece) {
    const auto part = resampler.Process(absl::MakeSpan(in).subspan(i, piece));
    out.insert(out.end(), part.begin(), part.end());
  }
  const auto rest = resampler.Finish();
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

struct RateCase {
  int from, to;
};

class ResamplerTest : public ::testing::TestWithParam<RateCase> {};

TEST_P(ResamplerTest, ToneKeepsItsPlaceAndHeight) {
  const auto [from, to] = GetParam();
  const std::vector<float> in = Tone(1000, from, static_cast<size_t>(from));
  const std::vector<float> out = Resample(in, from, to, in.size());
  ASSERT_EQ(out.size(), static_cast<size_t>(to));
  const std::vector<float> expected = Tone(1000, to, out.size());
  for (size_t i = out.size() / 20; i < out.size() * 19 / 20; ++i) {
    ASSERT_NEAR(out[i], expected[i], 1e-3) << "at sample " << i;
  }
}

// Chunking must not be audible: any pieces give the same samples.
TEST_P(ResamplerTest, PiecesGiveTheSameAsTheWhole) {
  const auto [from, to] = GetParam();
  const std::vector<float> in = Tone(700, from, 5000);
  EXPECT_EQ(Resample(in, from, to, in.size()), Resample(in, from, to, 37));
  EXPECT_EQ(Resample(in, from, to, in.size()), Resample(in, from, to, 1));
}

INSTANTIATE_TEST_SUITE_P(Rates, ResamplerTest,
                         ::testing::Values(RateCase{32000, 48000}, RateCase{16000, 48000},
                                           RateCase{44100, 48000}, RateCase{48000, 48000},
                                           RateCase{96000, 48000}));

}  // namespace
}  // namespace magnet
