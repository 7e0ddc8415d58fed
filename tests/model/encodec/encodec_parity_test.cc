// Encoding and decoding equal the reference's, on its own checkpoints' formats.
// If it fails: a released codec sounds wrong, or tokenizes given audio wrongly.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/audiocraft_import.h"
#include "model/checkpoint/huggingface_import.h"
#include "model/checkpoint/safetensors.h"
#include "tests/model/encodec/random_codec.h"

namespace magnet {
namespace {

constexpr double kWaveTolerance = 1e-4;
constexpr double kLatentTolerance = 1e-4;  // of the largest value

enum class Format { kAudiocraft, kHuggingFace };

struct Reference {
  const char* folder;
  Format format;
  int num_codebooks;  // 0: all
  bool random_codes;  // codec.random.* is there
};

std::string Name(const testing::TestParamInfo<Reference>& info) {
  std::string name = info.param.folder;
  std::erase(name, '-');
  return name;
}

double LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

class EncodecParityTest : public testing::TestWithParam<Reference> {
 protected:
  void SetUp() override {
    const char* testdata = std::getenv("MAGNET_TESTDATA");
    ASSERT_NE(testdata, nullptr) << "MAGNET_TESTDATA must name the folder of test data";
    const std::string folder = absl::StrCat(testdata, "/", GetParam().folder);
    const absl::StatusOr<ImportedCodec> codec =
        GetParam().format == Format::kAudiocraft
            ? ImportAudiocraftCodec(absl::StrCat(folder, "/compression_state_dict.bin"),
                                    GetParam().num_codebooks)
            : ImportHuggingFaceEncodec(folder, GetParam().num_codebooks);
    ASSERT_TRUE(codec.ok()) << codec.status();
    model_ = EncodecModel(codec->config);
    const absl::Status loaded = LoadModule(codec->tensors, folder, *model_);
    ASSERT_TRUE(loaded.ok()) << loaded;
    absl::StatusOr<SafetensorsFile> expected =
        ReadSafetensors(absl::StrCat(folder, "/expected.safetensors"));
    ASSERT_TRUE(expected.ok()) << expected.status();
    expected_ = std::move(expected->tensors);
  }

  std::vector<std::string> Decoded() const {
    std::vector<std::string> cases = {"even", "odd"};
    if (GetParam().random_codes) cases.push_back("random");
    return cases;
  }

  torch::Tensor Expected(const std::string& clip, const std::string& what) const {
    return expected_.at(absl::StrCat("codec.", clip, ".", what));
  }

  EncodecModel model_{nullptr};
  TensorMap expected_;
};

TEST_P(EncodecParityTest, Encodes) {
  for (const std::string clip : {"even", "odd"}) {
    const torch::Tensor expected = Expected(clip, "encoder_out");
    const torch::Tensor latent = model_->EncodeLatent(Expected(clip, "wave"));
    ASSERT_EQ(latent.sizes(), expected.sizes()) << clip;
    EXPECT_LE(LargestDifference(latent, expected),
              kLatentTolerance * expected.abs().max().item<double>())
        << clip;
    EXPECT_TRUE(torch::equal(model_->Encode(Expected(clip, "wave")), Expected(clip, "codes")))
        << clip;
  }
}

TEST_P(EncodecParityTest, Decodes) {
  for (const std::string& clip : Decoded()) {
    const torch::Tensor decoded = model_->Decode(Expected(clip, "codes"));
    ASSERT_EQ(decoded.sizes(), Expected(clip, "decoded").sizes()) << clip;
    EXPECT_LE(LargestDifference(decoded, Expected(clip, "decoded")), kWaveTolerance) << clip;
  }
}

TEST_P(EncodecParityTest, DecodesInChunks) {
  const std::vector<std::vector<int64_t>> patterns = {{1}, {2, 3}, {7}, {12}, {0, 1, 40}, {1000}};
  for (const std::string& clip : Decoded()) {
    for (const std::vector<int64_t>& chunks : patterns) {
      const torch::Tensor decoded = DecodeInChunks(model_, Expected(clip, "codes"), chunks);
      ASSERT_EQ(decoded.sizes(), Expected(clip, "decoded").sizes()) << clip;
      EXPECT_LE(LargestDifference(decoded, Expected(clip, "decoded")), kWaveTolerance)
          << clip << ", chunks from " << chunks[0];
    }
  }
}

// As the engine decodes.
TEST_P(EncodecParityTest, DecodesByRows) {
  model_->DecodeIn(torch::kFloat);
  for (const std::string& clip : Decoded()) {
    for (const std::vector<int64_t>& chunks : {std::vector<int64_t>{7}, {1, 40}, {1000}}) {
      const torch::Tensor decoded = DecodeInChunks(model_, Expected(clip, "codes"), chunks);
      ASSERT_EQ(decoded.sizes(), Expected(clip, "decoded").sizes()) << clip;
      EXPECT_LE(LargestDifference(decoded, Expected(clip, "decoded")), kWaveTolerance)
          << clip << ", chunks from " << chunks[0];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, EncodecParityTest,
    testing::Values(Reference{"magnet-tiny", Format::kAudiocraft, 0, true},
                    Reference{"magnet-tiny-biased", Format::kAudiocraft, 0, true},
                    Reference{"encodec-24khz-tiny", Format::kHuggingFace, 4, false},
                    Reference{"encodec-32khz-tiny", Format::kHuggingFace, 4, false}),
    Name);

}  // namespace
}  // namespace magnet
