// Damaged audio must be read or refused: no crash, no hang, no memory that the
// bytes do not account for. MAGNET_MUTATIONS sets how many inputs are tried.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"

namespace magnet {
namespace {

constexpr int kDefaultMutations = 5000;
constexpr double kMaxSeconds = 10;
constexpr rlim_t kAddressSpaceBytes = rlim_t{4} << 30;

int NumMutations() {
  int count = kDefaultMutations;
  const char* text = std::getenv("MAGNET_MUTATIONS");
  if (text != nullptr && !absl::SimpleAtoi(text, &count)) {
    ADD_FAILURE() << "MAGNET_MUTATIONS is no number: " << text;
  }
  return count;
}

std::string Mutate(std::string bytes, std::mt19937& random) {
  const auto pick = [&random](size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random);
  };
  constexpr size_t kHeaderBytes = 64;  // where most harm can be done
  for (size_t edits = 1 + pick(6); edits > 0 && !bytes.empty(); --edits) {
    const size_t reach = pick(3) > 0 ? std::min(bytes.size(), kHeaderBytes) : bytes.size();
    const size_t at = pick(reach);
    switch (pick(6)) {
      case 0:
        bytes[at] = static_cast<char>(pick(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << pick(8)));
        break;
      case 2:
        for (size_t i = at; i < std::min(at + 4, bytes.size()); ++i) bytes[i] = '\xff';
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.erase(at, 1 + pick(8));
        break;
      default:
        bytes.insert(at, bytes.substr(pick(bytes.size()), 1 + pick(16)));
    }
  }
  return bytes;
}

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
  std::mt19937 random(4711);
  int accepted = 0;
  const int count = NumMutations();
  for (int i = 0; i < count; ++i) {
    const std::string bytes = Mutate(seeds[static_cast<size_t>(i) % seeds.size()], random);
    const auto clip = ReadAudioBytes(bytes, "mutant", {.max_seconds = kMaxSeconds});
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
