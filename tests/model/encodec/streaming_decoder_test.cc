// A clip that is sent out chunk by chunk must sound as if decoded at once.
#include "model/encodec/streaming_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/model/encodec/random_codec.h"

namespace magnet {
namespace {

constexpr double kTolerance = 1e-4;

double LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// If it fails: clips have clicks or shifts where their chunks meet.
TEST(StreamingDecoderTest, AnyChunksOfAnyCodecEqualTheWhole) {
  std::mt19937 random(20240801);
  const std::vector<std::vector<int64_t>> patterns = {{1}, {2}, {3, 1}, {5, 0, 7}, {1, 100}, {100}};
  for (int i = 0; i < 60; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    for (const int64_t num_frames : {1, 2, 3, 4, 7, 30}) {
      const torch::Tensor codes = RandomCodes(config, num_frames);
      const torch::Tensor whole = model->Decode(codes);
      for (const std::vector<int64_t>& chunks : patterns) {
        const torch::Tensor streamed = DecodeInChunks(model, codes, chunks);
        ASSERT_EQ(streamed.size(2), num_frames * config.hop_length()) << Describe(config);
        ASSERT_LE(LargestDifference(streamed, whole), kTolerance)
            << Describe(config) << ", " << num_frames << " frames, chunks of " << chunks[0];
      }
    }
  }
}

// If it fails: what is laid out for matrix products makes other sound than the codec.
TEST(StreamingDecoderTest, ProductsByRowsEqualConvolutions) {
  std::mt19937 random(20240803);
  const std::vector<std::vector<int64_t>> patterns = {{1}, {3, 1}, {5, 0, 7}, {100}};
  for (int i = 0; i < 40; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel plain = RandomCodec(config, /*seed=*/i);
    EncodecModel by_rows = RandomCodec(config, /*seed=*/i);
    by_rows->DecodeIn(torch::kFloat);
    for (const int64_t num_frames : {1, 2, 7, 30}) {
      const torch::Tensor codes = RandomCodes(config, num_frames);
      const torch::Tensor whole = plain->Decode(codes);
      ASSERT_LE(LargestDifference(by_rows->Decode(codes), whole), kTolerance) << Describe(config);
      const torch::Tensor two = by_rows->Decode(codes.repeat({2, 1, 1}));
      ASSERT_LE(LargestDifference(two, whole.repeat({2, 1, 1})), kTolerance) << Describe(config);
      for (const std::vector<int64_t>& chunks : patterns) {
        ASSERT_LE(LargestDifference(DecodeInChunks(by_rows, codes, chunks), whole), kTolerance)
            << Describe(config) << ", " << num_frames << " frames, chunks of " << chunks[0];
      }
    }
  }
}

// If it fails: in bfloat16 clips have noise that the codec did not make, or chunks that do
// not fit each other.
TEST(StreamingDecoderTest, BFloat16IsNearFloat32) {
  std::mt19937 random(20240804);
  for (int i = 0; i < 40; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    const torch::Tensor codes = RandomCodes(config, /*num_frames=*/30);
    const torch::Tensor whole = RandomCodec(config, /*seed=*/i)->Decode(codes);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    model->DecodeIn(torch::kBFloat16);
    for (const std::vector<int64_t>& chunks : {std::vector<int64_t>{4}, {3, 1, 11}, {100}}) {
      const torch::Tensor wave = DecodeInChunks(model, codes, chunks);
      ASSERT_EQ(wave.scalar_type(), torch::kFloat);
      const double noise = ((wave - whole).norm() / whole.norm()).item<double>();
      EXPECT_LE(noise, 0.05) << Describe(config) << ", chunks of " << chunks[0];
      EXPECT_GT(noise, 0) << "float32 after all";
    }
  }
}

// If it fails: the server promises audio later or earlier than it comes.
TEST(StreamingDecoderTest, HoldsBackAtMostTheLookAhead) {
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    StreamingDecoder decoder(model);
    const torch::Tensor codes = RandomCodes(config, /*num_frames=*/60)[0];
    int64_t samples = 0;
    int64_t most_frames_held = 0;
    for (int64_t frames = 1; frames <= 60; ++frames) {
      samples += decoder.Push(codes.narrow(/*dim=*/1, frames - 1, 1), /*last=*/false).size(0);
      most_frames_held = std::max(most_frames_held, frames - samples / config.hop_length());
    }
    EXPECT_EQ(most_frames_held, decoder.look_ahead_frames()) << Describe(config);
  }
}

// If it fails: a clip's end is lost when the last frames were already pushed.
TEST(StreamingDecoderTest, LastMayComeWithoutFrames) {
  const CodecConfig config = SmallCodecConfig();
  EncodecModel model = RandomCodec(config, /*seed=*/3);
  const torch::Tensor codes = RandomCodes(config, /*num_frames=*/9);
  StreamingDecoder decoder(model);
  const torch::Tensor head = decoder.Push(codes[0], /*last=*/false);
  const torch::Tensor rest = decoder.Push(codes[0].narrow(1, 0, 0), /*last=*/true);
  const torch::Tensor streamed = torch::cat({head, rest}).view({1, 1, -1});
  ASSERT_EQ(streamed.size(2), 9 * config.hop_length());
  EXPECT_LE(LargestDifference(streamed, model->Decode(codes)), kTolerance);
}

// If it fails: a causal codec delays its audio for nothing.
TEST(StreamingDecoderTest, CausalCodecWithZeroPaddingHoldsNothingBack) {
  CodecConfig config = SmallCodecConfig();
  config.causal = true;
  config.pad_mode = PadMode::kConstant;
  EXPECT_EQ(StreamingDecoder(RandomCodec(config, 1)).look_ahead_frames(), 0);
}

// If it fails: an empty clip crashes the decoder instead of giving no samples.
TEST(StreamingDecoderTest, NoFramesGiveNoSamples) {
  const CodecConfig config = SmallCodecConfig();
  StreamingDecoder decoder(RandomCodec(config, 1));
  const torch::Tensor none = torch::empty({config.num_codebooks, 0}, torch::kInt64);
  EXPECT_EQ(decoder.Push(none, /*last=*/false).size(0), 0);
  EXPECT_EQ(decoder.Push(none, /*last=*/true).size(0), 0);
}

// If it fails: a scheduler that goes on after the end gets garbage, not an
// error.
TEST(StreamingDecoderTest, NothingMayFollowTheLast) {
  const CodecConfig config = SmallCodecConfig();
  StreamingDecoder decoder(RandomCodec(config, 1));
  const torch::Tensor codes = RandomCodes(config, /*num_frames=*/2)[0];
  decoder.Push(codes, /*last=*/true);
  EXPECT_THROW(decoder.Push(codes, /*last=*/true), c10::Error);
}

// If it fails: clips decoded at the same time leak into each other.
TEST(StreamingDecoderTest, StreamsOfOneModelAreIndependent) {
  const CodecConfig config = SmallCodecConfig();
  EncodecModel model = RandomCodec(config, /*seed=*/5);
  const torch::Tensor a = RandomCodes(config, /*num_frames=*/8)[0];
  const torch::Tensor b = RandomCodes(config, /*num_frames=*/8)[0];
  StreamingDecoder first(model), second(model), alone(model);
  std::vector<torch::Tensor> mixed, single;
  for (int64_t t = 0; t < 8; t += 2) {
    mixed.push_back(first.Push(a.narrow(1, t, 2), t == 6));
    second.Push(b.narrow(1, t, 2), t == 6);
    single.push_back(alone.Push(a.narrow(1, t, 2), t == 6));
  }
  EXPECT_TRUE(torch::equal(torch::cat(mixed), torch::cat(single)));
}

}  // namespace
}  // namespace magnet
