// Reads the reference checkpoints whole, and a bundle made of them back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "model/bundle.h"
#include "model/checkpoint/audiocraft_import.h"
#include "model/checkpoint/bundle_import.h"
#include "model/checkpoint/huggingface_import.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/tensor_shapes.h"
#include "model/checkpoint/torch_archive.h"
#include "model/checkpoint/weight_norm.h"
#include "model/checkpoint/xp_config.h"
#include "model/torch.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("MAGNET_TESTDATA");
    ASSERT_NE(folder, nullptr) << "MAGNET_TESTDATA is not set";
    testdata_ = folder;
    scratch_ = ::testing::TempDir() + "import_test_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(scratch_);
    fs::create_directories(scratch_);
  }
  void TearDown() override { fs::remove_all(scratch_); }

  ImportRequest Request(const std::string& model) const {
    return {.lm = testdata_ + "/" + model,
            .codec = "",
            .t5 = testdata_ + "/" + model + "/t5",
            .name = model,
            .version = "1",
            .description = "d",
            .license = "MIT"};
  }

  std::string testdata_;
  std::string scratch_;
};

TEST_F(ImportTest, AudiocraftModels) {
  const auto tiny = ImportBundle(Request("magnet-tiny"));
  ASSERT_TRUE(tiny.ok()) << tiny.status().message();
  EXPECT_EQ(tiny->config.lm.window_frames, 200);
  EXPECT_EQ(tiny->config.lm.span_len, 3);
  EXPECT_FALSE(tiny->config.lm.bias_attn);
  EXPECT_THAT(tiny->config.codec.ratios, ElementsAre(8, 5, 4, 4));
  EXPECT_EQ(tiny->config.codec.sample_rate_hz, 32000) << "an interpolation was not resolved";
  EXPECT_EQ(tiny->config.codec.pad_mode, PadMode::kReflect);
  EXPECT_FALSE(tiny->config.text_encoder.gated_gelu);
  EXPECT_THAT(tiny->config.sampling.decoding_steps, ElementsAre(20, 10, 10, 10));

  const auto biased = ImportBundle(Request("magnet-tiny-biased"));
  ASSERT_TRUE(biased.ok()) << biased.status().message();
  EXPECT_EQ(biased->config.lm.num_codebooks, 3);
  EXPECT_EQ(biased->config.lm.window_frames, 150);
  EXPECT_EQ(biased->config.lm.subcodes_context, 7);
  EXPECT_TRUE(biased->config.lm.bias_attn && biased->config.lm.bias_ff);
  EXPECT_TRUE(biased->config.codec.causal) << "an interpolation was not resolved";
  EXPECT_EQ(biased->config.codec.pad_mode, PadMode::kConstant);
  EXPECT_TRUE(biased->config.text_encoder.gated_gelu);
}

TEST_F(ImportTest, HuggingFaceCodecs) {
  const auto causal = ImportHuggingFaceEncodec(testdata_ + "/encodec-24khz-tiny", 4);
  ASSERT_TRUE(causal.ok()) << causal.status().message();
  EXPECT_EQ(causal->config.num_codebooks, 4) << "the first of 32";
  EXPECT_TRUE(causal->config.causal && causal->config.conv_shortcut);
  const auto plain = ImportHuggingFaceEncodec(testdata_ + "/encodec-32khz-tiny", 0);
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  EXPECT_EQ(plain->config.num_codebooks, 7);
  EXPECT_FALSE(plain->config.causal || plain->config.conv_shortcut);
  const auto too_many = ImportHuggingFaceEncodec(testdata_ + "/encodec-32khz-tiny", 8);
  EXPECT_THAT(std::string(too_many.status().message()), HasSubstr("at least 8 codebooks"));
}

TEST_F(ImportTest, FoldedWeightEqualsItsDefinition) {
  const std::string path = testdata_ + "/magnet-tiny/compression_state_dict.bin";
  const auto document = ReadTorchArchive(path);
  ASSERT_TRUE(document.ok()) << document.status().message();
  const PickleValue* state = document->root->Find("best_state");
  ASSERT_NE(state, nullptr);
  const auto codec = ImportAudiocraftCodec(path, 0);
  ASSERT_TRUE(codec.ok()) << codec.status().message();
  for (const std::string name : {"encoder.model.3.conv.conv", "decoder.model.3.convtr.convtr"}) {
    const torch::Tensor g = state->Find(name + ".weight_g")->tensor.to(torch::kFloat64);
    const torch::Tensor v = state->Find(name + ".weight_v")->tensor.to(torch::kFloat64);
    const torch::Tensor expected = g * v / v.square().sum({1, 2}, /*keepdim=*/true).sqrt();
    const torch::Tensor found = codec->tensors.at(name + ".weight").to(torch::kFloat64);
    EXPECT_TRUE(torch::allclose(found, expected, /*rtol=*/1e-6, /*atol=*/1e-7)) << name;
  }
}

TEST_F(ImportTest, HalvesOfAWeightNormAreNamed) {
  TensorMap tensors = {{"a.weight_g", torch::ones({2, 1})}};
  EXPECT_THAT(std::string(FoldWeightNorm(tensors, "file").message()), HasSubstr("a.weight_g"));
}

TEST_F(ImportTest, BundleSurvivesWritingAndReading) {
  const auto made = ImportBundle(Request("magnet-tiny"));
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(WriteBundle(*made, torch::kFloat32, scratch_).ok());
  const auto read = OpenBundle(scratch_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(FormatModelConfig(read->config), FormatModelConfig(made->config));
  EXPECT_EQ(read->spiece_model, made->spiece_model);
  for (const auto& [name, tensor] : made->lm) {
    EXPECT_TRUE(torch::equal(read->lm.at(name), tensor)) << name;
  }
  for (const char* file : {"config.json", "lm.safetensors", "codec.safetensors",
                           "text_encoder.safetensors", "spiece.model", "README.md"}) {
    ASSERT_TRUE(WriteBundle(*made, torch::kFloat16, scratch_).ok());
    std::fstream stream(scratch_ + "/" + file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(20);
    stream.put('\x7f');
    stream.close();
    const auto damaged = OpenBundle(scratch_);
    EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss) << file;
    EXPECT_THAT(std::string(damaged.status().message()), HasSubstr(file));
  }
}

// If it fails: people read a page of the tensor library's stack instead of an error.
TEST_F(ImportTest, AnExceptionBecomesAStatusWithoutABacktrace) {
  auto made = ImportBundle(Request("magnet-tiny"));
  ASSERT_TRUE(made.ok()) << made.status().message();
  made->lm["out_norm.bias"] = torch::empty({64}, torch::kMeta);
  const absl::Status status = WriteBundle(*made, torch::kFloat32, scratch_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(scratch_), Not(HasSubstr("frame #"))));
}

TEST_F(ImportTest, ConfigAndTensorsThatDisagreeAreNamedBeforeLoading) {
  auto made = ImportBundle(Request("magnet-tiny"));
  ASSERT_TRUE(made.ok()) << made.status().message();
  made->config.lm.num_layers = 4;
  made->lm.erase("out_norm.bias");
  made->lm["surplus"] = torch::zeros({1});
  ASSERT_TRUE(WriteBundle(*made, torch::kFloat32, scratch_).ok());
  const std::string error(OpenBundle(scratch_).status().message());
  EXPECT_THAT(error, HasSubstr("missing out_norm.bias [64]"));
  EXPECT_THAT(error, HasSubstr("left over surplus [1]"));
  EXPECT_THAT(error, HasSubstr("transformer.layers.3.linear1.weight [256, 64]"));
}

TEST_F(ImportTest, PartsThatDoNotGoTogether) {
  ImportRequest request = Request("magnet-tiny");
  request.codec = testdata_ + "/encodec-24khz-tiny";
  EXPECT_THAT(std::string(ImportBundle(request).status().message()),
              HasSubstr("codebooks of 64 entries, the codec of 32"));
  request.codec = testdata_ + "/encodec-32khz-tiny";
  EXPECT_TRUE(ImportBundle(request).ok()) << "seven codebooks hold the four that are needed";
  request = Request("magnet-tiny");
  request.lm += "/compression_state_dict.bin";
  EXPECT_THAT(std::string(ImportBundle(request).status().message()), HasSubstr("lm_model"));
}

TEST_F(ImportTest, XpConfigNamesWhatIsWrong) {
  auto xp = XpConfig::Parse("a: ${b.c}\nb: {c: 5}\nloop: ${loop}\nn: null\n", "xp");
  ASSERT_TRUE(xp.ok());
  EXPECT_EQ(xp->Int("a"), 5);
  EXPECT_EQ(xp->Int("n", 7), 7);
  EXPECT_EQ(xp->Int("loop", 3), 3) << "a loop has no value";
  EXPECT_TRUE(xp->status().ok());
  xp->Int("missing");
  EXPECT_THAT(std::string(xp->status().message()), HasSubstr("xp: missing: missing"));
  EXPECT_FALSE(XpConfig::Parse("[", "xp").ok());
  EXPECT_FALSE(XpConfig::Parse(std::string(100'000, '['), "xp").ok());
}

TEST_F(ImportTest, LoadModuleListsEverythingAndChangesNothing) {
  torch::nn::Linear module(3, 2);
  const torch::Tensor before = module->weight.detach().clone();
  const TensorMap tensors = {{"weight", torch::ones({2, 4})}, {"other", torch::ones({1})}};
  const std::string error(LoadModule(tensors, "file", *module).message());
  EXPECT_EQ(error,
            "file: missing bias [2]; weight: expected [2, 3], found [2, 4]; "
            "left over other [1]");
  EXPECT_TRUE(torch::equal(module->weight, before));
  EXPECT_TRUE(
      LoadModule({{"weight", torch::ones({2, 3}, torch::kFloat16)}, {"bias", torch::ones({2})}},
                 "file", *module)
          .ok());
  EXPECT_TRUE(torch::equal(module->weight, torch::ones({2, 3})));
}

// Breaks where loading a large model takes the memory of its file besides its own.
TEST_F(ImportTest, LoadModuleDropsEachTensorThatItHasCopied) {
  torch::nn::Sequential module(torch::nn::Linear(3, 3), torch::nn::Linear(3, 3));
  std::vector<float> bytes(9, 2);
  std::vector<std::string> events;
  TensorMap tensors;
  for (const auto& item : module->named_parameters()) {
    tensors[item.key()] =
        torch::from_blob(bytes.data(), item.value().sizes(),
                         [&events, name = item.key()](void*) { events.push_back(name); });
  }
  const auto loaded = [&](torch::nn::Module& part) {
    events.push_back(&part == module.get() ? "all" : "part");
  };
  ASSERT_TRUE(LoadModule(std::move(tensors), "file", *module, loaded).ok());
  EXPECT_THAT(events, ::testing::ElementsAre("0.weight", "0.bias", "part", "1.weight", "1.bias",
                                             "part", "all"));
  for (const torch::Tensor& tensor : module->parameters())
    EXPECT_TRUE((tensor == 2).all().item<bool>());
}

}  // namespace
}  // namespace magnet
