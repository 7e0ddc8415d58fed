// Damaged audio must be read or refused: no crash, no hang, no memory that the
// bytes do not account for. MAGNET_MUTATIONS sets how many inputs are tried.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"
#include "tests/testing/mutation.h"

namespace magnet {
namespace {

constexpr double kMaxSeconds = 10;
constexpr rlim_t kAddressSpaceBytes = rlim_t{4} << 30;

std::vector<std::string> Seeds() {
  std::vector<float> samples(3000);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = 0.3f * std::sin(0.1f * float(i));
  std::vector<std::string> seeds;
  // Wav first and often: it is what people send.
  for (const AudioEncoding encoding :
       {AudioEncoding::kWavPcm16, AudioEncoding::kWavFloat32, AudioEncoding::kWavPcm16,
        AudioEncoding::kFlacPcm16, AudioEncoding::kOggVorbis}) {
    const auto bytes = EncodeAudio(samples, 16000, encoding, "seed");
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    seeds.push_back(*bytes);
  }
  return seeds;
}

// If it fails: a stranger's file takes the server down.
TEST(AudioMutationTest, DamagedFilesAreReadOrRefused) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit limit = {kAddressSpaceBytes, kAddressSpaceBytes};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit),
            0);  // a huge allocation then fails the test
#endif
  const std::vector<std::string> seeds = Seeds();
  testing::Mutator mutator(/*seed=*/4711, {.header_bytes = 64});
  int accepted = 0;
  const int count = testing::NumMutations(/*fallback=*/5000);
  for (int i = 0; i < count; ++i) {
    const auto clip = ReadAudioBytes(mutator.Mutate(seeds), "mutant", {.max_seconds = kMaxSeconds});
    if (!clip.ok()) {
      ASSERT_EQ(clip.status().message().substr(0, 7), "mutant:") << "input " << i;
      continue;
    }
    ++accepted;
    ASSERT_FALSE(clip->samples.empty()) << "input " << i;
    ASSERT_LE(clip->seconds(), kMaxSeconds) << "input " << i;
    for (const float sample : clip->samples) ASSERT_TRUE(std::isfinite(sample)) << "input " << i;
  }
  // Both ways must have been taken, or the mutations test nothing.
  EXPECT_GT(accepted, count / 100);
  EXPECT_LT(accepted, count - count / 100);
}

}  // namespace
}  // namespace magnet
