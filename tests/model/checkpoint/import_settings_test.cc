// Settings of checkpoints that the engine does not compute are refused by name,
// those that it does reach the bundle; and the other forms in which files occur.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "model/checkpoint/audiocraft_import.h"
#include "model/checkpoint/bundle_import.h"
#include "model/checkpoint/huggingface_import.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/torch_archive.h"
#include "model/checkpoint/xp_config.h"
#include "model/torch.h"
#include "tests/testing/mutation.h"
#include "tests/testing/testdata.h"
#include "tests/testing/torch_archive_writer.h"

namespace magnet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace files = std::filesystem;

struct Replacement {
  std::string from;
  std::string to;
  std::string named;  // what the error must say
};

class ImportSettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_ = ::testing::TempDir() + "import_settings_test_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name();
    files::remove_all(scratch_);
    files::create_directories(scratch_);
  }
  void TearDown() override { files::remove_all(scratch_); }

  std::string Store(const std::string& name, const std::string& bytes) const {
    std::ofstream(scratch_ + "/" + name, std::ios::binary) << bytes;
    return scratch_ + "/" + name;
  }

  // A checkpoint of the test data with another xp.cfg.
  std::string WithConfig(const std::string& path, const std::string& xp) const {
    const auto document = ReadTorchArchive(TestdataPath(path));
    EXPECT_TRUE(document.ok()) << document.status();
    const auto tensors = StateDictTensors(*document->root->Find("best_state"), path);
    EXPECT_TRUE(tensors.ok()) << tensors.status();
    return Store("state_dict.bin",
                 TorchArchiveWriter::Write(SavedDict{{"xp.cfg", xp}, {"best_state", *tensors}}));
  }

  static std::string ConfigOf(const std::string& path) {
    const auto document = ReadTorchArchive(TestdataPath(path));
    EXPECT_TRUE(document.ok()) << document.status();
    return document->root->Find("xp.cfg")->text;
  }

  static std::string Replace(std::string xp, const Replacement& change) {
    const size_t at = xp.find(change.from);
    EXPECT_NE(at, std::string::npos) << change.from;
    return xp.replace(at, change.from.size(), change.to);
  }

  std::string scratch_;
};

constexpr char kLm[] = "magnet-tiny/state_dict.bin";
constexpr char kCodec[] = "magnet-tiny/compression_state_dict.bin";

const std::vector<Replacement>& UnsupportedLmSettings() {
  static const auto& list = *new std::vector<Replacement>{
      {"lm_model: transformer_lm_magnet", "lm_model: transformer_lm",
       "lm_model: expected transformer_lm_magnet, found \"transformer_lm\""},
      {"channels: 1", "channels: 2", "channels: expected 1"},
      {"modeling: parallel", "modeling: delay", "codebooks_pattern.modeling: expected parallel"},
      {"activation: gelu", "activation: relu", "transformer_lm.activation: expected gelu"},
      {"norm_first: true", "norm_first: false", "transformer_lm.norm_first: expected true"},
      {"causal: false", "causal: true", "transformer_lm.causal: expected false"},
      {"layer_scale: null", "layer_scale: 0.1", "transformer_lm.layer_scale: expected null"},
      {"positional_embedding: sin", "positional_embedding: rope",
       "transformer_lm.positional_embedding: expected sin"},
      {"norm: layer_norm", "norm: rms_norm", "transformer_lm.norm: expected layer_norm"},
      {"qk_layer_norm: false", "qk_layer_norm: true",
       "transformer_lm.qk_layer_norm: expected false"},
      {"qk_layer_norm_cross: false", "qk_layer_norm_cross: true",
       "transformer_lm.qk_layer_norm_cross: expected false"},
      {"kv_repeat: 1", "kv_repeat: 2", "transformer_lm.kv_repeat: expected 1"},
      {"cross_attention_pos_emb: false", "cross_attention_pos_emb: true",
       "fuser.cross_attention_pos_emb: expected false"},
      {"sum: []", "sum: [description]", "fuser.sum: expected an empty list"},
      {"prepend: []", "prepend: [description]", "fuser.prepend: expected an empty list"},
      {"input_interpolate: []", "input_interpolate: [x]",
       "fuser.input_interpolate: expected an empty list"},
      {"  cross:\n  - description", "  cross: []", "fuser.cross: expected [description]"},
      {"model: t5", "model: clap", "conditioners.description.model: expected t5"},
      {"normalize_text: false", "normalize_text: true",
       "conditioners.description.t5.normalize_text: expected false"},
      {"conditioners:\n", "conditioners:\n  chord: {model: chroma}\n", "conditioners.chord"},
      {"hidden_scale: 4", "hidden_scale: -1", "transformer_lm.hidden_scale"},
      {"dim: 64", "dim: 1000000", "transformer_lm.dim: expected 1 to"},
      {"card: 64", "card: many", "transformer_lm.card: expected an integer, found \"many\""},
  };
  return list;
}

// If it fails: a model of another kind is imported and makes noise.
TEST_F(ImportSettingsTest, UnsupportedLmSettingsAreNamed) {
  const std::string xp = ConfigOf(kLm);
  ASSERT_TRUE(ImportAudiocraftLm(WithConfig(kLm, xp)).ok());
  for (const Replacement& change : UnsupportedLmSettings()) {
    const auto lm = ImportAudiocraftLm(WithConfig(kLm, Replace(xp, change)));
    EXPECT_EQ(lm.status().code(), absl::StatusCode::kInvalidArgument) << change.to;
    EXPECT_THAT(std::string(lm.status().message()), HasSubstr(change.named));
  }
}

// If it fails: people mend one setting after the other.
TEST_F(ImportSettingsTest, AllUnsupportedSettingsAreNamedAtOnce) {
  std::string xp = ConfigOf(kLm);
  for (const int i : {3, 5, 9}) xp = Replace(xp, UnsupportedLmSettings()[i]);
  EXPECT_THAT(std::string(ImportAudiocraftLm(WithConfig(kLm, xp)).status().message()),
              AllOf(HasSubstr("transformer_lm.activation"), HasSubstr("transformer_lm.causal"),
                    HasSubstr("transformer_lm.qk_layer_norm")));
}

TEST_F(ImportSettingsTest, UnsupportedCodecSettingsAreNamed) {
  const std::string xp = ConfigOf(kCodec);
  ASSERT_TRUE(ImportAudiocraftCodec(WithConfig(kCodec, xp), 0).ok());
  const Replacement changes[] = {
      {"compression_model: encodec", "compression_model: dac", "compression_model"},
      {"autoencoder: seanet", "autoencoder: hifigan", "encodec.autoencoder: expected seanet"},
      {"quantizer: rvq", "quantizer: fsq", "encodec.quantizer: expected rvq"},
      {"norm: weight_norm", "norm: time_group_norm", "seanet.norm: expected weight_norm"},
      {"activation: ELU", "activation: Snake", "seanet.activation: expected ELU"},
      {"disable_norm_outer_blocks: 0", "disable_norm_outer_blocks: 1",
       "seanet.disable_norm_outer_blocks: expected 0"},
      {"pad_mode: reflect", "pad_mode: replicate",
       "seanet.pad_mode: expected reflect or constant, found replicate"},
      {"final_activation: null", "final_activation: Tanh", "seanet.decoder.final_activation"},
      {"renormalize: false", "renormalize: true", "encodec.renormalize: expected false"},
  };
  for (const Replacement& change : changes) {
    const auto codec = ImportAudiocraftCodec(WithConfig(kCodec, Replace(xp, change)), 0);
    EXPECT_EQ(codec.status().code(), absl::StatusCode::kInvalidArgument) << change.to;
    EXPECT_THAT(std::string(codec.status().message()), HasSubstr(change.named));
  }
}

// If it fails: a fine-tuned model is sampled with other settings than its makers
// chose.
TEST_F(ImportSettingsTest, SamplingSettingsReachTheBundle) {
  const std::string xp = ConfigOf(kLm) + R"(
generate:
  lm:
    use_sampling: false
    temp: 3.5
    anneal_temp: false
    top_p: 0.8
    top_k: 17
    max_cfg_coef: 20.0
    min_cfg_coef: 2.0
    decoding_steps: [60, 10, 9, 8]
    span_scoring: prod
    span_arrangement: stride1
)";
  const auto lm = ImportAudiocraftLm(WithConfig(kLm, xp));
  ASSERT_TRUE(lm.ok()) << lm.status();
  const SamplingDefaults& sampling = lm->sampling;
  EXPECT_TRUE(sampling.greedy);
  EXPECT_EQ(sampling.temperature, 3.5);
  EXPECT_FALSE(sampling.anneal_temperature);
  EXPECT_EQ(sampling.top_p, 0.8);
  EXPECT_EQ(sampling.top_k, 17);
  EXPECT_EQ(sampling.guidance_max, 20.0);
  EXPECT_EQ(sampling.guidance_min, 2.0);
  EXPECT_THAT(sampling.decoding_steps, ElementsAre(60, 10, 9, 8));
  EXPECT_EQ(sampling.span_score, SpanScore::kProd);
  EXPECT_EQ(sampling.span_arrangement, SpanArrangement::kStride1);
}

TEST_F(ImportSettingsTest, UnknownSamplingWordsAreNamed) {
  const std::string xp =
      ConfigOf(kLm) + "\ngenerate: {lm: {span_scoring: mean, span_arrangement: stride2}}\n";
  EXPECT_THAT(std::string(ImportAudiocraftLm(WithConfig(kLm, xp)).status().message()),
              AllOf(HasSubstr("generate.lm.span_scoring: expected max or prod"),
                    HasSubstr("generate.lm.span_arrangement: expected nonoverlap or stride1")));
}

// The released language models point to a codec published elsewhere.
TEST_F(ImportSettingsTest, APointerToACodecNamesItAndTheWayOut) {
  files::copy_file(TestdataPath(kLm), scratch_ + "/state_dict.bin");
  Store("compression_state_dict.bin",
        TorchArchiveWriter::Write(SavedDict{{"pretrained", "facebook/encodec_32khz"}}));
  ImportRequest request = {.lm = scratch_,
                           .codec = "",
                           .t5 = TestdataPath("magnet-tiny/t5"),
                           .name = "tiny",
                           .version = "1",
                           .description = "d",
                           .license = "MIT"};
  const absl::Status status = ImportBundle(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("compression_state_dict.bin"), HasSubstr("facebook/encodec_32khz"),
                    HasSubstr("--codec")));
  request.codec = TestdataPath("magnet-tiny");
  EXPECT_TRUE(ImportBundle(request).ok()) << "the codec was given";
}

class T5FolderTest : public ImportSettingsTest {
 protected:
  void SetUp() override {
    ImportSettingsTest::SetUp();
    const std::string source = TestdataPath("magnet-tiny/t5");
    for (const char* name : {"config.json", "spiece.model"}) {
      files::copy_file(source + "/" + name, scratch_ + "/" + name);
    }
    auto file = ReadSafetensors(source + "/model.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    tensors_ = std::move(file->tensors);
    auto expected = ImportHuggingFaceT5(source);
    ASSERT_TRUE(expected.ok()) << expected.status();
    expected_ = std::move(expected->tensors);
  }

  void ExpectImport() {
    const auto encoder = ImportHuggingFaceT5(scratch_);
    ASSERT_TRUE(encoder.ok()) << encoder.status();
    ASSERT_EQ(encoder->tensors.size(), expected_.size());
    for (const auto& [name, tensor] : expected_) {
      EXPECT_TRUE(torch::equal(encoder->tensors.at(name), tensor)) << name;
    }
  }

  TensorMap tensors_;
  TensorMap expected_;
};

// If it fails: the folders of most published T5s, which hold the decoder too,
// cannot be used.
TEST_F(T5FolderTest, PickledWeights) {
  tensors_["decoder.block.0.layer.0.layer_norm.weight"] = torch::ones({32});
  tensors_["lm_head.weight"] = torch::ones({4, 32});
  Store("pytorch_model.bin", TorchArchiveWriter::Write(tensors_));
  ExpectImport();
}

TEST_F(T5FolderTest, EmbeddingUnderEitherNameOrBoth) {
  const torch::Tensor embedding = expected_.at("shared.weight");
  const std::vector<std::vector<std::string>> cases = {
      {"shared.weight"},
      {"encoder.embed_tokens.weight"},
      {"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}};
  for (const auto& names : cases) {
    tensors_.erase("shared.weight");
    tensors_.erase("encoder.embed_tokens.weight");
    for (const std::string& name : names) tensors_[name] = embedding;
    ASSERT_TRUE(WriteSafetensors(tensors_, {}, scratch_ + "/model.safetensors").ok());
    ExpectImport();
  }
}

TEST_F(T5FolderTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(std::string(ImportHuggingFaceT5(scratch_).status().message()),
              HasSubstr("expected model.safetensors or pytorch_model.bin"));
  tensors_.erase("shared.weight");
  tensors_.erase("encoder.embed_tokens.weight");
  Store("pytorch_model.bin", TorchArchiveWriter::Write(tensors_));
  EXPECT_THAT(std::string(ImportHuggingFaceT5(scratch_).status().message()),
              AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("missing shared.weight [256, 32]")));
  Store("config.json", R"({"model_type": "bert", "feed_forward_proj": "gated-silu"})");
  EXPECT_THAT(std::string(ImportHuggingFaceT5(scratch_).status().message()),
              AllOf(HasSubstr("model_type: expected t5, found bert"),
                    HasSubstr("feed_forward_proj: expected relu or gated-gelu"),
                    HasSubstr("d_model: missing")));
}

class CodecFolderTest : public ImportSettingsTest {
 protected:
  void SetUp() override {
    ImportSettingsTest::SetUp();
    files::copy_file(TestdataPath("encodec-32khz-tiny/model.safetensors"),
                     scratch_ + "/model.safetensors");
  }

  const std::string config_ = ReadTestdata("encodec-32khz-tiny/config.json");
};

// If it fails: sizes that were not checked are counted with, which overflows, or the
// error names another file than the one to mend.
TEST_F(CodecFolderTest, AbsurdSizesAreNamedByTheirFile) {
  const Replacement change = {"\"num_residual_layers\": 1", "\"num_residual_layers\": 2147483647",
                              "config.json: codec.num_residual_layers: expected"};
  Store("config.json", Replace(config_, change));
  EXPECT_THAT(std::string(ImportHuggingFaceEncodec(scratch_, 0).status().message()),
              HasSubstr(change.named));
}

// If it fails: the config.json of a hostile folder crashes the importer.
TEST_F(CodecFolderTest, MutatedConfigurationsNeverCrash) {
  testing::Mutator mutator(/*seed=*/6, {.special = "0123456789-.e\"{}[],"});
  int accepted = 0;
  for (int left = testing::NumMutations(/*fallback=*/6000) / 20; left > 0; --left) {
    Store("config.json", mutator.Mutate({config_}));
    accepted += ImportHuggingFaceEncodec(scratch_, 0).ok();
  }
  EXPECT_GT(accepted, 0) << "no mutation reached the weights";
}

// If it fails: the config.json of a hostile text encoder crashes the importer.
TEST_F(T5FolderTest, MutatedConfigurationsNeverCrash) {
  ASSERT_TRUE(WriteSafetensors(tensors_, {}, scratch_ + "/model.safetensors").ok());
  const std::string config = ReadTestdata("magnet-tiny/t5/config.json");
  testing::Mutator mutator(/*seed=*/7, {.special = "0123456789-.e\"{}[],"});
  int accepted = 0;
  for (int left = testing::NumMutations(/*fallback=*/6000) / 20; left > 0; --left) {
    Store("config.json", mutator.Mutate({config}));
    accepted += ImportHuggingFaceT5(scratch_).ok();
  }
  EXPECT_GT(accepted, 0) << "no mutation reached the weights";
}

// If it fails: the configuration inside a hostile checkpoint crashes the
// importer.
TEST_F(ImportSettingsTest, MutatedConfigurationsNeverCrash) {
  const std::vector<std::string> corpus = {ConfigOf(kLm)};
  testing::Mutator mutator(/*seed=*/5, {.special = "{}[]:-&*!|>'\"%@`#,? \n\t$"});
  int accepted = 0;
  for (int left = testing::NumMutations(/*fallback=*/2000); left > 0; --left) {
    auto xp = XpConfig::Parse(mutator.Mutate(corpus), "xp");
    if (!xp.ok()) continue;
    ++accepted;
    for (const char* path : {"transformer_lm.dim", "channels", "dataset.segment_duration"}) {
      xp->Int(path, 1);
    }
    xp->StringList("fuser.cross");
    xp->KeysOf("conditioners");
    xp->Bool("transformer_lm.causal", false);
  }
  EXPECT_GT(accepted, 0) << "no mutation reached what reads the values";
}

}  // namespace
}  // namespace magnet
