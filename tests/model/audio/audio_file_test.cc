#include "model/audio/audio_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

using testing::HasSubstr;

std::vector<float> Wave(size_t length) {
  std::vector<float> samples(length);
  for (size_t i = 0; i < length; ++i) {
    samples[i] = static_cast<float>(0.6 * std::sin(0.05 * static_cast<double>(i)));
  }
  return samples;
}

std::string Little(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

struct WavHeader {
  uint32_t format = 3;  // IEEE float
  uint32_t channels = 1;
  uint32_t rate = 8000;
  uint32_t bits = 32;
  uint32_t data_bytes = 0;
};

std::string Wav(const WavHeader& header, const std::vector<float>& samples) {
  const uint32_t block = header.channels * header.bits / 8;
  const std::string body(reinterpret_cast<const char*>(samples.data()),
                         samples.size() * sizeof(float));
  const auto size = static_cast<uint32_t>(body.size());
  return absl::StrCat("RIFF", Little(36 + size, 4), "WAVEfmt ", Little(16, 4),
                      Little(header.format, 2), Little(header.channels, 2), Little(header.rate, 4),
                      Little(header.rate * block, 4), Little(block, 2), Little(header.bits, 2),
                      "data", Little(header.data_bytes != 0 ? header.data_bytes : size, 4), body);
}

class AudioFileTest : public testing::Test {
 protected:
  AudioFileTest()
      : folder_(absl::StrCat(testing::TempDir(), "/audio_file_test.",
                             testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~AudioFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }

  std::string folder_;
};

// If it fails: what is written cannot be read back, or not as it was.
TEST_F(AudioFileTest, WhatIsWrittenIsReadBack) {
  const std::vector<float> samples = Wave(10000);
  for (const auto& [name, tolerance] :
       {std::pair{"a.wav", 1.0 / 32000}, {"b.FLAC", 1.0 / 32000}, {"c.ogg", 0.05}}) {
    ASSERT_TRUE(WriteAudioFile(Path(name), samples, 32000).ok());
    const auto clip = ReadAudioFile(Path(name));
    ASSERT_TRUE(clip.ok()) << clip.status();
    EXPECT_EQ(clip->sample_rate_hz, 32000);
    ASSERT_EQ(clip->samples.size(), samples.size()) << name;
    for (size_t i = 0; i < samples.size(); ++i) {
      ASSERT_NEAR(clip->samples[i], samples[i], tolerance) << name << ", sample " << i;
    }
  }
}

// If it fails: libsndfile is handed Vorbis headers that make it leak, file by
// file, until the server has no memory.
TEST_F(AudioFileTest, IncompleteVorbisHeadersAreRefused) {
  const auto bytes = EncodeAudio(Wave(5000), 16000, AudioEncoding::kOggVorbis, "clip");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const size_t second_page = bytes->find("OggS", 4);
  ASSERT_NE(second_page, std::string::npos);
  const std::string first_header_only = bytes->substr(0, second_page);
  std::string damaged_comment = *bytes;
  damaged_comment[second_page + 30] ^= 1;
  for (const std::string& broken : {first_header_only, damaged_comment}) {
    EXPECT_THAT(std::string(ReadAudioBytes(broken, "given.ogg").status().message()),
                testing::HasSubstr("given.ogg: cannot be read as audio: the Vorbis headers"));
  }
}

// If it fails: the lossless encodings lose.
TEST_F(AudioFileTest, FloatsAreKeptExactly) {
  const std::vector<float> samples = Wave(5000);
  const auto bytes = EncodeAudio(samples, 16000, AudioEncoding::kWavFloat32, "clip");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(ReadAudioBytes(*bytes, "clip")->samples, samples);
  const auto flac = EncodeAudio(samples, 16000, AudioEncoding::kFlacPcm24, "clip");
  ASSERT_TRUE(flac.ok());
  const auto clip = ReadAudioBytes(*flac, "clip");
  ASSERT_TRUE(clip.ok()) << clip.status();
  for (size_t i = 0; i < samples.size(); ++i) ASSERT_NEAR(clip->samples[i], samples[i], 2e-7);
}

// If it fails: loud passages wrap around into noise.
TEST_F(AudioFileTest, IntegersClip) {
  const auto bytes = EncodeAudio({1.5f, -1.5f, 0.f}, 8000, AudioEncoding::kWavPcm16, "clip");
  ASSERT_TRUE(bytes.ok());
  const auto clip = ReadAudioBytes(*bytes, "clip");
  ASSERT_TRUE(clip.ok());
  EXPECT_NEAR(clip->samples[0], 1, 1e-4);
  EXPECT_NEAR(clip->samples[1], -1, 1e-4);
  EXPECT_EQ(clip->samples[2], 0);
}

// If it fails: stereo files come in at double speed, or one channel is lost.
TEST_F(AudioFileTest, ChannelsAreAveraged) {
  const auto clip = ReadAudioBytes(Wav({.channels = 2}, {0.5f, 0.25f, -1.f, 1.f}), "stereo");
  ASSERT_TRUE(clip.ok()) << clip.status();
  EXPECT_THAT(clip->samples, testing::ElementsAre(0.375f, 0.f));
}

// If these fail: one request can take the server's memory, or poison a model.
TEST_F(AudioFileTest, LimitsHold) {
  const std::string wav = Wav({}, Wave(8000));
  const auto code = [&wav](const AudioLimits& limits) {
    return ReadAudioBytes(wav, "clip", limits).status().code();
  };
  EXPECT_EQ(code({.max_seconds = 1}), absl::StatusCode::kOk);
  EXPECT_EQ(code({.max_seconds = 0.999}), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code({.max_bytes = 100}), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code({.min_sample_rate_hz = 8001}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.max_sample_rate_hz = 7999}), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteAudioFile(Path("a.wav"), Wave(8000), 8000).ok());
  EXPECT_EQ(ReadAudioFile(Path("a.wav"), {.max_bytes = 100}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(AudioFileTest, HostileHeadersAreRefusedByField) {
  const std::vector<float> samples = Wave(128);
  const auto error = [](const std::string& bytes) {
    const absl::Status status = ReadAudioBytes(bytes, "given.wav").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(error(Wav({.channels = 128}, samples)), HasSubstr("given.wav: channels"));
  EXPECT_THAT(error(Wav({.channels = 0}, samples)), HasSubstr("given.wav"));
  EXPECT_THAT(error(Wav({.rate = 0}, samples)), HasSubstr("given.wav"));
  EXPECT_THAT(error(Wav({.rate = 2000000000}, samples)), HasSubstr("given.wav: sample rate"));
  EXPECT_THAT(error(Wav({}, {})), HasSubstr("given.wav: holds no samples"));
  EXPECT_THAT(error(""), HasSubstr("given.wav: cannot be read as audio"));
  EXPECT_THAT(error("RIFF"), HasSubstr("given.wav: cannot be read as audio"));
  EXPECT_THAT(error(std::string(1000, 'x')), HasSubstr("given.wav: cannot be read as audio"));
}

TEST_F(AudioFileTest, AClaimedLengthIsNotBelieved) {
  const auto clip = ReadAudioBytes(Wav({.data_bytes = 0xfffffff0u}, Wave(100)), "clip");
  ASSERT_TRUE(clip.ok()) << clip.status();
  EXPECT_EQ(clip->samples.size(), 100u);
}

TEST_F(AudioFileTest, SamplesThatAreNotFiniteAreRefused) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const absl::Status status = ReadAudioBytes(Wav({}, {0.f, bad}), "clip").status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("clip: sample 1 is not finite"));
    EXPECT_EQ(EncodeAudio({bad}, 8000, AudioEncoding::kWavPcm16, "clip").status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

// If it fails: the user cannot tell which file was wrong, or the program hangs
// on it.
TEST_F(AudioFileTest, PathsThatAreNoFilesAreNamed) {
  EXPECT_EQ(ReadAudioFile(Path("none.wav")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadAudioFile(Path("none.wav")).status().message()),
              HasSubstr("none.wav"));
  EXPECT_EQ(ReadAudioFile(folder_).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(mkfifo(Path("pipe.wav").c_str(), 0600), 0);
  EXPECT_EQ(ReadAudioFile(Path("pipe.wav")).status().code(), absl::StatusCode::kInvalidArgument);
}

// If it fails: a failed write destroys the clip that was there, or leaves
// litter.
TEST_F(AudioFileTest, AFailedWriteLeavesTheOldFileAlone) {
  ASSERT_TRUE(WriteAudioFile(Path("a.wav"), Wave(50), 8000).ok());
  EXPECT_FALSE(WriteAudioFile(Path("a.wav"), {}, 8000).ok());
  EXPECT_FALSE(WriteAudioFile(Path("a.wav"), Wave(50), -8000).ok());
  EXPECT_EQ(ReadAudioFile(Path("a.wav"))->samples.size(), 50u);
  std::filesystem::create_directories(Path("taken.wav/inside"));
  EXPECT_FALSE(WriteAudioFile(Path("taken.wav"), Wave(50), 8000).ok());
  EXPECT_FALSE(WriteAudioFile(Path("none/a.wav"), Wave(50), 8000).ok());
  size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    static_cast<void>(entry);
    ++entries;
  }
  EXPECT_EQ(entries, 2u);  // a.wav and taken.wav
}

TEST_F(AudioFileTest, UnknownExtensionsAreNamed) {
  const absl::Status status = WriteAudioFile(Path("a.mp9"), Wave(5), 8000);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.mp9"));
}

}  // namespace
}  // namespace magnet
