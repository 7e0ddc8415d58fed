#include "model/encodec/encodec_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "model/encodec/padded_conv.h"
#include "model/layers/uninitialized_weights.h"
#include "tests/model/encodec/random_codec.h"

namespace magnet {
namespace {

std::vector<float> Padded(std::vector<float> x, Padding padding, PadMode mode) {
  const auto length = static_cast<int64_t>(x.size());
  const torch::Tensor y =
      PadSignal(torch::tensor(x).view({1, 1, length}), padding, mode).flatten().contiguous();
  return {y.data_ptr<float>(), y.data_ptr<float>() + y.numel()};
}

// If these fail: the first and last milliseconds of every clip are wrong.
TEST(PadSignalTest, ReflectionRepeatsNeitherEnd) {
  EXPECT_THAT(Padded({1, 2, 3, 4}, {.left = 2, .right = 1}, PadMode::kReflect),
              testing::ElementsAre(3, 2, 1, 2, 3, 4, 3));
}

TEST(PadSignalTest, ShortInputIsExtendedByZerosBeforeReflection) {
  // 1 2 | 0 0 is what is reflected; the two zeros are taken off the end again.
  EXPECT_THAT(Padded({1, 2}, {.left = 3, .right = 3}, PadMode::kReflect),
              testing::ElementsAre(0, 0, 2, 1, 2, 0, 0, 0));
  EXPECT_THAT(Padded({5}, {.left = 1, .right = 0}, PadMode::kReflect), testing::ElementsAre(0, 5));
}

TEST(PadSignalTest, ConstantPadsZeros) {
  EXPECT_THAT(Padded({1, 2}, {.left = 1, .right = 2}, PadMode::kConstant),
              testing::ElementsAre(0, 1, 2, 0, 0));
}

// If it fails: no codec checkpoint loads.
TEST(EncodecModelTest, TensorsCarryTheNamesOfTheBundle) {
  CodecConfig config = SmallCodecConfig();
  config.ratios = {3, 2};
  config.num_codebooks = 1;
  config.lstm_layers = 1;
  config.conv_shortcut = true;
  EncodecModel model(config);
  std::vector<std::string> names;
  for (const auto& item : model->named_parameters()) names.push_back(item.key());
  for (const auto& item : model->named_buffers()) names.push_back(item.key());
  std::vector<std::string> expected;
  const auto add = [&expected](const std::string& prefix) {
    expected.push_back(prefix + ".weight");
    expected.push_back(prefix + ".bias");
  };
  for (const int conv : {0, 3, 6, 9}) add(absl::StrCat("encoder.model.", conv, ".conv.conv"));
  for (const int conv : {0, 9}) add(absl::StrCat("decoder.model.", conv, ".conv.conv"));
  for (const int conv : {3, 6}) add(absl::StrCat("decoder.model.", conv, ".convtr.convtr"));
  for (const std::string block :
       {"encoder.model.1", "encoder.model.4", "decoder.model.4", "decoder.model.7"}) {
    add(block + ".block.1.conv.conv");
    add(block + ".block.3.conv.conv");
    add(block + ".shortcut.conv.conv");
  }
  for (const std::string lstm : {"encoder.model.7.lstm.", "decoder.model.1.lstm."}) {
    for (const char* tensor : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}) {
      expected.push_back(lstm + tensor);
    }
  }
  expected.push_back("quantizer.vq.layers.0._codebook.embed");
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(expected));
}

// If it fails: opening a model spends its time on drawing weights that the file
// overwrites, and loading one disturbs the random numbers of a training.
TEST(EncodecModelTest, LoadingDrawsNoRandomNumbers) {
  torch::manual_seed(3);
  const torch::Tensor expected = torch::randn({4});
  torch::manual_seed(3);
  {
    const UninitializedWeights unset;
    EncodecModel model(SmallCodecConfig());
  }
  EXPECT_TRUE(torch::equal(torch::randn({4}), expected));
  torch::manual_seed(3);
  EncodecModel drawn(SmallCodecConfig());
  EXPECT_FALSE(torch::equal(torch::randn({4}), expected)) << "a new codec must have weights";
}

// If it fails: clips are longer or shorter than was asked for.
TEST(EncodecModelTest, FramesAndSamplesAreCountedByTheHop) {
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    const int hop = config.hop_length();
    for (const int64_t samples : {1, hop, hop + 1, 3 * hop, 7 * hop + hop / 2}) {
      const torch::Tensor codes = model->Encode(torch::randn({2, 1, samples}));
      const int64_t frames = (samples + hop - 1) / hop;
      ASSERT_EQ(codes.sizes(), torch::IntArrayRef({2, config.num_codebooks, frames}))
          << Describe(config) << ", " << samples << " samples";
      ASSERT_EQ(codes.scalar_type(), torch::kInt64);
      ASSERT_EQ(model->Decode(codes).sizes(), torch::IntArrayRef({2, 1, frames * hop}))
          << Describe(config);
    }
  }
}

// What the encoder gives for `wave` when it is pushed in pieces of these sizes, again and again.
// `end_apart`: the last piece is an empty one.
torch::Tensor EncodeInPieces(EncodecModel& model, const torch::Tensor& wave,
                             const std::vector<int64_t>& sizes, bool end_apart) {
  const torch::NoGradGuard no_grad;
  const std::unique_ptr<LayerStream> stream = model->encoder()->NewStream();
  std::vector<torch::Tensor> parts;
  int64_t begin = 0;
  for (size_t i = 0; begin < wave.size(2); ++i) {
    const int64_t count = std::min(sizes[i % sizes.size()], wave.size(2) - begin);
    const bool last = begin + count == wave.size(2) && !end_apart;
    parts.push_back(stream->Push(wave.narrow(2, begin, count).clone(), last));
    begin += count;
  }
  if (end_apart) parts.push_back(stream->Push(wave.narrow(2, 0, 0).clone(), /*last=*/true));
  return torch::cat(parts, 2);
}

// Breaks where a long sound's codes change where its pieces meet.
TEST(EncodecModelTest, AnyPiecesOfAnySoundEqualTheWhole) {
  std::mt19937 random(20240802);
  const std::vector<std::vector<int64_t>> patterns = {{1}, {2, 3}, {40}, {7, 0, 100}, {1000}};
  for (int i = 0; i < 60; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    for (const int64_t num_samples : {1, 2, 5, 24, 97, 361}) {
      const torch::Tensor wave = torch::randn({1, 1, num_samples});
      const torch::Tensor whole = model->EncodeLatent(wave.clone());
      for (const std::vector<int64_t>& sizes : patterns) {
        for (const bool end_apart : {false, true}) {
          const torch::Tensor pieces = EncodeInPieces(model, wave, sizes, end_apart);
          ASSERT_EQ(pieces.sizes(), whole.sizes()) << Describe(config) << ", " << num_samples;
          ASSERT_LE((pieces - whole).abs().max().item<double>(), 1e-4)
              << Describe(config) << ", " << num_samples << " samples, pieces of " << sizes[0]
              << ", end apart: " << end_apart;
        }
      }
    }
  }
}

// Breaks where minutes of given audio are encoded at once, in gigabytes, or items of a batch
// run into each other.
TEST(EncodecModelTest, ALongSoundIsEncodedInPieces) {
  const CodecConfig config = SmallCodecConfig();
  EncodecModel model = RandomCodec(config, /*seed=*/4);
  const torch::Tensor wave = torch::randn({2, 1, 1203 * config.hop_length() + 5});
  const torch::Tensor latent = model->EncodeLatent(wave.clone());
  const torch::NoGradGuard no_grad;
  const torch::Tensor whole = model->encoder()->forward(wave.clone());
  ASSERT_EQ(latent.sizes(), whole.sizes());
  EXPECT_LE((latent - whole).abs().max().item<double>(), 1e-4);
}

// Breaks where a model that keeps its encoder in the file's type hears something else.
TEST(EncodecModelTest, AnEncoderKeptAsItWasStoredGivesTheSameBits) {
  const torch::NoGradGuard no_grad;
  for (const torch::Dtype stored : {torch::kHalf, torch::kBFloat16}) {
    const CodecConfig config = SmallCodecConfig();
    EncodecModel model = RandomCodec(config, /*seed=*/4);
    for (torch::Tensor& weight : model->encoder()->parameters()) weight.copy_(weight.to(stored));
    for (const int64_t num_frames : {7, 603}) {
      const torch::Tensor wave = torch::randn({1, 1, num_frames * config.hop_length()});
      model->encoder()->to(torch::kFloat);
      const torch::Tensor wide = model->EncodeLatent(wave);
      model->KeepEncoderIn(stored);
      EXPECT_TRUE(torch::equal(model->EncodeLatent(wave), wide)) << num_frames << " frames";
    }
  }
}

// If it fails: given audio is tokenized by the wrong centroids.
TEST(ResidualVectorQuantizerTest, TakesTheNearestCentroidOfWhatIsLeft) {
  CodecConfig config = SmallCodecConfig();
  config.dimension = 2;
  config.codebook_size = 2;
  config.num_codebooks = 2;
  ResidualVectorQuantizer quantizer(config);
  quantizer->centroids(0).copy_(torch::tensor({{4.0, 0.0}, {0.0, 4.0}}));
  quantizer->centroids(1).copy_(torch::tensor({{1.0, 0.0}, {0.0, -1.0}}));
  const torch::Tensor latent = torch::tensor({{{5.0, 0.1}, {0.2, 2.9}}});  // (5, .2), (.1, 2.9)
  const torch::Tensor codes = quantizer->Encode(latent);
  EXPECT_TRUE(torch::equal(codes, torch::tensor({{{0, 1}, {0, 1}}})));
  const torch::Tensor decoded = quantizer->Decode(codes);
  EXPECT_TRUE(torch::equal(decoded, torch::tensor({{{5.0f, 0.0f}, {0.0f, 3.0f}}})));
}

// If it fails: a codec of 32 codebooks cannot be used with its first few.
TEST(ResidualVectorQuantizerTest, DecodesTheFirstCodebooksAlone) {
  const CodecConfig config = SmallCodecConfig();
  EncodecModel model = RandomCodec(config, /*seed=*/2);
  const torch::Tensor codes = RandomCodes(config, /*num_frames=*/5);
  const torch::Tensor latent = model->quantizer()->Decode(codes.narrow(/*dim=*/1, 0, 1));
  const torch::Tensor expected =
      model->quantizer()->centroids(0).index_select(0, codes[0][0]).t().unsqueeze(0);
  EXPECT_TRUE(torch::equal(latent, expected));
}

// If it fails: the codec cannot be trained.
TEST(EncodecModelTest, GradientsReachEveryParameter) {
  std::mt19937 random(11);
  for (int i = 0; i < 8; ++i) {
    const CodecConfig config = RandomCodecConfig(random);
    EncodecModel model = RandomCodec(config, /*seed=*/i);
    const torch::Tensor wave = torch::randn({2, 1, 6 * config.hop_length()});
    model->decoder()->forward(model->encoder()->forward(wave)).pow(2).sum().backward();
    for (const auto& item : model->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key() << ", " << Describe(config);
      EXPECT_GT(item.value().grad().abs().max().item<float>(), 0)
          << item.key() << ", " << Describe(config);
    }
  }
}

}  // namespace
}  // namespace magnet
