#include "server/audio_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <cstring>

#include "model/audio/audio_file.h"
#include "tests/server/encoded_audio.h"

namespace magnet {
namespace {

std::vector<float> Tone(int rate, double seconds) {
  std::vector<float> samples(static_cast<size_t>(rate * seconds));
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = 0.5f * std::sin(2 * M_PI * 440 * static_cast<double>(i) / rate);
  }
  return samples;
}

using testing::EncodedAudio;

struct FormatCase {
  AudioFormat format;
  int rate;
  double tolerance;
};

class FileFormatTest : public ::testing::TestWithParam<FormatCase> {};

// If this fails, what a client saves cannot be played or is not what was made.
TEST_P(FileFormatTest, ConcatenatedPiecesAreAFileOfTheRightLengthAndContent) {
  const auto [format, rate, tolerance] = GetParam();
  const std::vector<float> samples = Tone(rate, 1.37);
  const std::string file = EncodedAudio(format, rate, samples, /*piece=*/rate / 4);
  auto decoded = ReadAudioBytes(file, "the encoded file");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->sample_rate_hz, DeliveredRate(format, rate));
  const int64_t expected = DeliveredSamples(format, {rate, static_cast<int64_t>(samples.size())});
  ASSERT_EQ(static_cast<int64_t>(decoded->samples.size()), expected);
  const std::vector<float> reference = Tone(decoded->sample_rate_hz, 1.37);
  const size_t edge = static_cast<size_t>(decoded->sample_rate_hz) / 20;
  double error = 0;
  for (size_t i = edge; i + edge < reference.size() && i + edge < decoded->samples.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(decoded->samples[i]) -
                                     static_cast<double>(reference[i])));
  }
  EXPECT_LE(error, tolerance);
}

INSTANTIATE_TEST_SUITE_P(All, FileFormatTest,
                         ::testing::Values(FormatCase{AudioFormat::kWavS16, 32000, 1e-4},
                                           FormatCase{AudioFormat::kWavF32, 32000, 0},
                                           FormatCase{AudioFormat::kFlac, 32000, 1e-4},
                                           FormatCase{AudioFormat::kFlac, 16000, 1e-4},
                                           FormatCase{AudioFormat::kOggOpus, 32000, 0.05},
                                           FormatCase{AudioFormat::kOggOpus, 48000, 0.05},
                                           FormatCase{AudioFormat::kOggOpus, 16000, 0.05}));

// A player shows the length of a file from its header: it must be there although
// nobody seeks back to write it.
TEST(AudioEncoderTest, FlacHeaderStatesTheLength) {
  const std::vector<float> samples = Tone(16000, 2);
  const std::string file = EncodedAudio(AudioFormat::kFlac, 16000, samples, 1000);
  ASSERT_EQ(file.substr(0, 4), "fLaC");
  uint64_t count = static_cast<uint8_t>(file[21]) & 0x0F;
  for (int i = 22; i < 26; ++i)
    count = count << 8 | static_cast<uint8_t>(file[static_cast<size_t>(i)]);
  EXPECT_EQ(count, samples.size());
}

TEST(AudioEncoderTest, CompressedFormatsComeInPieces) {
  for (AudioFormat format : {AudioFormat::kFlac, AudioFormat::kOggOpus}) {
    const std::vector<float> samples = Tone(32000, 4);
    auto encoder = MakeAudioEncoder(format, {32000, static_cast<int64_t>(samples.size())});
    ASSERT_TRUE(encoder.ok());
    size_t early = 0;
    for (size_t i = 0; i < samples.size() / 2; i += 8000) {
      early += (*encoder)->Encode(absl::MakeSpan(samples).subspan(i, 8000))->size();
    }
    EXPECT_GT(early, 1000u) << "the encoder holds everything back to the end";
  }
}

TEST(AudioEncoderTest, PcmIsLittleEndianAndS16ClipsAtFullScale) {
  const std::vector<float> samples = {0, 1, -1, 2, -2, 0.5f};
  const std::string s16 = EncodedAudio(AudioFormat::kPcmS16, 32000, samples, 4);
  ASSERT_EQ(s16.size(), 12u);
  std::vector<int16_t> values(6);
  std::memcpy(values.data(), s16.data(), s16.size());
  EXPECT_THAT(values, ::testing::ElementsAre(0, 32767, -32767, 32767, -32767, 16384));
  const std::string f32 = EncodedAudio(AudioFormat::kPcmF32, 32000, samples, 4);
  std::vector<float> floats(6);
  ASSERT_EQ(f32.size(), 24u);
  std::memcpy(floats.data(), f32.data(), f32.size());
  EXPECT_EQ(floats, samples);
}

}  // namespace
}  // namespace magnet
