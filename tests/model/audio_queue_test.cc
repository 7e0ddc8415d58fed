// Sound that is decoded beside other work. If one of these fails, clips sound other on a GPU when
// the codec runs ahead than when every chunk is waited for, or the wrong chunk arrives.
#include "model/audio_queue.h"

#include <gtest/gtest.h>

#include <deque>

#include "model/device.h"
#include "model/encodec/streaming_decoder.h"
#include "tests/model/encodec/random_codec.h"

namespace magnet {
namespace {

constexpr int64_t kFrames = 60, kChunk = 7;

class AudioQueueTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto device = ChooseDevice(GetParam());
    if (!device.ok()) GTEST_SKIP() << "no GPU to run on: " << device.status();
    if (device->is_cuda()) device_ = torch::Device(torch::kCUDA, 0);
    model_ = RandomCodec(config_, /*seed=*/1);
    model_->to(device_);
  }

  torch::Tensor ClipCodes(int seed) const {
    torch::manual_seed(seed);
    return RandomCodes(config_, kFrames)[0];
  }

  // Chunk `i` of a clip, pushed into its decoder.
  std::unique_ptr<PendingAudio> Start(AudioQueue& queue, StreamingDecoder& decoder,
                                      const torch::Tensor& clip, int64_t i) const {
    const int64_t first = i * kChunk, count = std::min(kChunk, kFrames - first);
    return queue.Run(clip.narrow(1, first, count).contiguous(), [&](const torch::Tensor& codes) {
      return decoder.Push(codes, first + count == kFrames);
    });
  }

  static constexpr int64_t kChunks = (kFrames + kChunk - 1) / kChunk;

  torch::Device device_ = torch::kCPU;
  const CodecConfig config_ = SmallCodecConfig();
  EncodecModel model_{nullptr};
};

TEST_P(AudioQueueTest, ChunksOfTwoClipsThatAllRunAheadAreThoseThatAreWaitedFor) {
  const torch::InferenceMode inference;
  AudioQueue queue(device_);
  std::vector<std::vector<float>> waited;
  for (const int seed : {1, 2}) {
    StreamingDecoder decoder(model_);
    for (int64_t i = 0; i < kChunks; ++i) {
      const auto taken = Start(queue, decoder, ClipCodes(seed), i)->Take();
      ASSERT_TRUE(taken.ok()) << taken.status();
      waited.push_back(*taken);
    }
  }
  StreamingDecoder first(model_), second(model_);
  std::vector<std::unique_ptr<PendingAudio>> firsts, seconds;
  for (int64_t i = 0; i < kChunks; ++i) {
    firsts.push_back(Start(queue, first, ClipCodes(1), i));
    seconds.push_back(Start(queue, second, ClipCodes(2), i));
  }
  for (size_t i = 0; i < kChunks; ++i) {
    EXPECT_EQ(*firsts[i]->Take(), waited[i]) << "chunk " << i;
    EXPECT_EQ(*seconds[i]->Take(), waited[kChunks + i]) << "chunk " << i;
  }
}

TEST_P(AudioQueueTest, SamplesAreThoseOfTheWholeClipOnACpu) {
  const torch::InferenceMode inference;
  EncodecModel plain = RandomCodec(config_, /*seed=*/1);
  const torch::Tensor whole = plain->Decode(ClipCodes(1).unsqueeze(0)).flatten();
  AudioQueue queue(device_);
  StreamingDecoder decoder(model_);
  std::vector<float> samples;
  std::deque<std::unique_ptr<PendingAudio>> chunks;
  for (int64_t i = 0; i < kChunks; ++i) chunks.push_back(Start(queue, decoder, ClipCodes(1), i));
  for (; !chunks.empty(); chunks.pop_front()) {
    const auto taken = chunks.front()->Take();
    ASSERT_TRUE(taken.ok()) << taken.status();
    samples.insert(samples.end(), taken->begin(), taken->end());
  }
  ASSERT_EQ(std::ssize(samples), whole.numel());
  EXPECT_LE((torch::tensor(samples) - whole).abs().max().item<double>(), 1e-3);
}

TEST_P(AudioQueueTest, WhatIsTakenIsReadyAndNoneIsNone) {
  const torch::InferenceMode inference;
  AudioQueue queue(device_);
  EXPECT_TRUE(AudioQueue::None()->ready());
  EXPECT_TRUE(AudioQueue::None()->Take()->empty());
  StreamingDecoder decoder(model_);
  const auto audio = Start(queue, decoder, ClipCodes(1), 0);
  ASSERT_TRUE(audio->Take().ok());
  EXPECT_TRUE(audio->ready());
}

INSTANTIATE_TEST_SUITE_P(Devices, AudioQueueTest, ::testing::Values("cpu", "cuda"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace magnet
