// Sound files that requests bring, through the conversion that all requests take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/generation_request.h"
#include "server/status_conversion.h"
#include "tests/server/encoded_audio.h"
#include "tests/testing/fake_generator.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

std::string Wav(size_t samples) {
  return testing::EncodedAudio(AudioFormat::kWavS16, 8000, std::vector<float>(samples, 0.5f));
}

absl::StatusOr<GenerationRequest> Convert(const std::string& file, double max_seconds) {
  v1::GenerateRequest request;
  request.set_prompt("a slow piano");
  request.set_duration_seconds(0.9);
  request.mutable_given_audio()->set_data(file);
  RequestLimits limits;
  limits.generation.max_duration_seconds = max_seconds;
  return ConvertRequest(request, testing::FakeModelConfig("fake"), limits, /*fresh_seed=*/1);
}

std::string Description(const std::string& file, double max_seconds) {
  const auto request = Convert(file, max_seconds);
  return request.ok() ? "" : std::string(request.status().message());
}

// If this fails, clips go on from something else than what was sent.
TEST(GivenAudioTest, IsReadAsItIs) {
  const auto request = Convert(Wav(4000), 10);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec.given_audio.sample_rate_hz, 8000);
  ASSERT_EQ(request->spec.given_audio.samples.size(), 4000u);
  EXPECT_NEAR(request->spec.given_audio.samples[2000], 0.5f, 1e-4);
}

// If this fails, who sends a wrong file is not told what is wrong with it.
TEST(GivenAudioTest, SaysWhatIsWrong) {
  EXPECT_THAT(Description("", 10), HasSubstr("given_audio.data: the file: "));
  EXPECT_THAT(Description("noise", 10), HasSubstr("cannot be read as audio"));
  EXPECT_THAT(Description(Wav(0), 10), HasSubstr("holds no samples"));
  EXPECT_THAT(Description(Wav(8001), 1), HasSubstr("expected at most 1 s of audio"));
}

// A request's file is anybody's bytes: every broken one must end in a status.
TEST(GivenAudioTest, EveryTruncationAndEveryBrokenByteEndsInAStatus) {
  for (AudioFormat format : {AudioFormat::kWavS16, AudioFormat::kFlac, AudioFormat::kOggOpus}) {
    const std::string file = testing::EncodedAudio(format, 48000, std::vector<float>(2000, 0.1f));
    for (size_t size = 0; size < file.size(); size += 7) {
      const auto request = Convert(file.substr(0, size), 1);
      EXPECT_TRUE(request.ok() || absl::IsInvalidArgument(request.status())) << request.status();
    }
    for (size_t i = 0; i < std::min<size_t>(file.size(), 400); ++i) {
      std::string broken = file;
      broken[i] = static_cast<char>(broken[i] ^ 0xFF);
      const auto request = Convert(broken, 1);
      EXPECT_TRUE(request.ok() || absl::IsInvalidArgument(request.status())) << request.status();
    }
  }
}

}  // namespace
}  // namespace magnet
