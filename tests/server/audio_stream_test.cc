#include "server/audio_stream.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

namespace magnet {
namespace {

// If this fails, a client cannot put the chunks together or check them.
TEST(AudioStreamTest, OffsetsAreSeamlessAndTheChecksumIsOfAllBytes) {
  for (AudioFormat format : {AudioFormat::kWavS16, AudioFormat::kFlac, AudioFormat::kOggOpus}) {
    auto stream = AudioStream::Open(format, {32000, 50000}, /*max_chunk_samples=*/8000);
    ASSERT_TRUE(stream.ok());
    std::string file;
    const std::vector<float> samples(25000, 0.25f);
    for (int i = 0; i < 2; ++i) {
      auto chunks = (*stream)->Add(samples);
      ASSERT_TRUE(chunks.ok()) << chunks.status();
      for (const EncodedChunk& chunk : *chunks) {
        EXPECT_EQ(chunk.offset, static_cast<int64_t>(file.size()));
        EXPECT_FALSE(chunk.data.empty());
        file += chunk.data;
      }
    }
    ASSERT_TRUE((*stream)->complete());
    EXPECT_EQ((*stream)->size_bytes(), static_cast<int64_t>(file.size()));
    EXPECT_EQ((*stream)->samples_delivered(), format == AudioFormat::kOggOpus ? 75000 : 50000);
    std::string expected(32, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(file.data()), file.size(),
           reinterpret_cast<unsigned char*>(expected.data()));
    EXPECT_EQ((*stream)->Checksum(), expected);
  }
}

TEST(AudioStreamTest, ChunksAreNoLongerThanAskedAndOfOneSize) {
  auto stream = AudioStream::Open(AudioFormat::kPcmS16, {32000, 20000}, /*max_chunk_samples=*/8000);
  ASSERT_TRUE(stream.ok());
  auto chunks = (*stream)->Add(std::vector<float>(20000));
  ASSERT_TRUE(chunks.ok());
  ASSERT_EQ(chunks->size(), 3u);
  EXPECT_EQ((*chunks)[0].end_sample, 6667);
  EXPECT_EQ((*chunks)[1].end_sample, 13334);
  EXPECT_EQ((*chunks)[2].end_sample, 20000);
}

TEST(AudioStreamTest, MoreSamplesThanAnnouncedAreAnError) {
  auto stream = AudioStream::Open(AudioFormat::kPcmS16, {32000, 10}, /*max_chunk_samples=*/8);
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ((*stream)->Add(std::vector<float>(11)).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace magnet
