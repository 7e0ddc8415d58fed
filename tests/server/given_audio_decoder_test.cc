#include "server/given_audio_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/encoded_audio.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

std::string Wav(size_t samples) {
  return testing::EncodedAudio(AudioFormat::kWavS16, 8000, std::vector<float>(samples, 0.5f));
}

TEST(GivenAudioDecoderTest, ReadsAFile) {
  auto audio = DecodeGivenAudio(Wav(8000), 10);
  ASSERT_TRUE(audio.ok()) << audio.status();
  EXPECT_EQ(audio->sample_rate_hz, 8000);
  ASSERT_EQ(audio->samples.size(), 8000u);
  EXPECT_NEAR(audio->samples[4000], 0.5f, 1e-4);
}

TEST(GivenAudioDecoderTest, SaysWhatIsWrong) {
  EXPECT_THAT(std::string(DecodeGivenAudio("", 10).status().message()), HasSubstr("0 bytes"));
  EXPECT_THAT(std::string(DecodeGivenAudio("noise", 10).status().message()),
              HasSubstr("expected a sound file"));
  EXPECT_THAT(std::string(DecodeGivenAudio(Wav(0), 10).status().message()),
              HasSubstr("without samples"));
  EXPECT_THAT(std::string(DecodeGivenAudio(Wav(8001), 1).status().message()),
              HasSubstr("at most 1 seconds"));
}

// A request's file is anybody's bytes: every broken one must end in a status.
TEST(GivenAudioDecoderTest, EveryTruncationAndEveryBrokenByteEndsInAStatus) {
  for (AudioFormat format : {AudioFormat::kWavS16, AudioFormat::kFlac, AudioFormat::kOggOpus}) {
    const std::string file = testing::EncodedAudio(format, 48000, std::vector<float>(2000, 0.1f));
    for (size_t size = 0; size < file.size(); size += 7) {
      const auto audio = DecodeGivenAudio(file.substr(0, size), 1);
      EXPECT_TRUE(audio.ok() || absl::IsInvalidArgument(audio.status()));
    }
    for (size_t i = 0; i < std::min<size_t>(file.size(), 400); ++i) {
      std::string broken = file;
      broken[i] = static_cast<char>(broken[i] ^ 0xFF);
      const auto audio = DecodeGivenAudio(broken, 1);
      EXPECT_TRUE(audio.ok() || absl::IsInvalidArgument(audio.status()));
    }
  }
}

}  // namespace
}  // namespace magnet
