#include "train/training_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace magnet {
namespace {

using ::testing::HasSubstr;

struct BadConfig {
  const char* yaml;
  const char* complaint;
};

class BadLmConfigTest : public ::testing::TestWithParam<BadConfig> {};

// Breaks where a mistake in a configuration is trained with, or not named.
TEST_P(BadLmConfigTest, IsNamed) {
  const auto config = ParseLmTrainingConfig(GetParam().yaml, "run.yaml");
  ASSERT_FALSE(config.ok()) << GetParam().yaml;
  EXPECT_TRUE(absl::IsInvalidArgument(config.status()));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadLmConfigTest,
    ::testing::Values(
        BadConfig{"codes: x\nlm: {dimm: 8}", "run.yaml:2: lm.dimm: unknown key"},
        BadConfig{"codes: x\nlm: {dim: wide}", "run.yaml:2: lm.dim: expected an integer"},
        BadConfig{"codes: x\noptimizer: {beta1: 1.5}", "optimizer.beta1: expected a number from 0"},
        BadConfig{"codes: x\noptimizer: {learning_rate: .nan}", "optimizer.learning_rate"},
        BadConfig{"codes: x\nrun: 3", "run.yaml:2: run: expected a mapping, found \"3\""},
        BadConfig{"codes: x\nrun: {precision: fp8}", "auto or float32 or bfloat16, found \"fp8\""},
        BadConfig{"codes: x\ntrain_text_encoder: perhaps", "expected true or false"},
        BadConfig{"codes: x\nstage_weights: []", "stage_weights: expected a list"},
        BadConfig{"codes: x\nbeat_dropout: 2", "beat_dropout: expected a number from 0 to 1"},
        BadConfig{"codes: x\nlm: {beats: {bars: 2}}", "lm.beats.bars: unknown key"},
        BadConfig{"codes: [1", "run.yaml"}, BadConfig{"name: x", "codes"}));

// Breaks where values are read into other fields, or defaults are lost.
TEST(TrainingConfigTest, ReadsWhatIsGivenAndKeepsTheRest) {
  const auto config = ParseLmTrainingConfig(
      "codes: data\nrun: {batch_size: 3}\nlm: {dim: 12, bias_ff: true}\nstage_weights: [2, 1]\n"
      "captions: {choice: alternative}\nsampling: {span_arrangement: stride1}\n"
      "beat_dropout: 0.25\n",
      "run.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->codes, "data");
  EXPECT_EQ(config->run.batch_size, 3);
  EXPECT_EQ(config->run.accumulation, RunConfig().accumulation);
  EXPECT_EQ(config->lm.dim, 12);
  EXPECT_TRUE(config->lm.bias_ff);
  EXPECT_THAT(config->stage_weights, ::testing::ElementsAre(2, 1));
  EXPECT_EQ(config->captions.choice, CaptionChoice::kAlternative);
  EXPECT_EQ(config->sampling.span_arrangement, SpanArrangement::kStride1);
  EXPECT_EQ(config->beat_dropout, 0.25);
  EXPECT_FALSE(config->lm.beats.has_value());
}

// Breaks where a model is told its beats that nobody asked for, or other ones.
TEST(TrainingConfigTest, BeatsThatAreNamedInPartKeepTheRest) {
  const auto beats = [](const std::string& yaml) {
    const auto config = ParseLmTrainingConfig("codes: x\nlm: {" + yaml + "}\n", "run.yaml");
    EXPECT_TRUE(config.ok()) << config.status();
    return config->lm.beats;
  };
  EXPECT_EQ(beats("dim: 8"), std::nullopt);
  EXPECT_EQ(beats("beats: {}"), BeatConfig());
  EXPECT_EQ(beats("beats: {ticks_per_beat: 12}"), BeatConfig{.ticks_per_beat = 12});
}

// Breaks where a decoder would be trained on codes of an encoder that nobody has.
TEST(TrainingConfigTest, DecoderOnlyNeedsACodecToGoOnFrom) {
  const std::string data = "rows: r\naudio: a\ndecoder_only: true\n";
  const auto error = [](const std::string& yaml) {
    return std::string(ParseCodecTrainingConfig(yaml, "run.yaml").status().message());
  };
  EXPECT_THAT(error(data + "phases: [{steps: 1, quantized: true}]"),
              HasSubstr("run.yaml: decoder_only: expected start_from"));
  EXPECT_THAT(
      error(data + "start_from: c\nspectral: {dims: 2}\nphases: [{steps: 1, quantized: true}]"),
      HasSubstr("run.yaml: spectral.dims: expected 0 with decoder_only"));
  EXPECT_THAT(error(data + "start_from: c\nphases: [{steps: 1}]"),
              HasSubstr("run.yaml: phases[0].quantized: expected true"));
}

// Breaks where an encoder would drift away from regenerated codes, or a batch has no room for them.
TEST(TrainingConfigTest, RegeneratedClipsNeedADecoderAlone) {
  const std::string data =
      "rows: r\naudio: a\nstart_from: c\nregenerated: {codes: d}\n"
      "phases: [{steps: 1, quantized: true}]\n";
  const auto error = [](const std::string& yaml) {
    return std::string(ParseCodecTrainingConfig(yaml, "run.yaml").status().message());
  };
  EXPECT_THAT(error(data), HasSubstr("run.yaml: regenerated.codes: expected decoder_only"));
  EXPECT_THAT(error(data + "decoder_only: true\nrun: {batch_size: 1}"),
              HasSubstr("run.yaml: run.batch_size: expected at least 2"));
  EXPECT_THAT(error(data + "decoder_only: true"), "");
}

// Breaks where a codec would lose its codebooks again.
TEST(TrainingConfigTest, CodecPhasesStayQuantized) {
  const auto config = ParseCodecTrainingConfig(
      "rows: r\naudio: a\nphases: [{steps: 1, quantized: true}, {steps: 2}]\n", "codec.yaml");
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("phases[1].quantized"));
}

TEST(TrainingConfigTest, CodecStepsAreThePhases) {
  const auto config = ParseCodecTrainingConfig(
      "rows: r\naudio: a\nphases: [{steps: 5}, {steps: 2, quantized: true}]\n", "codec.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.total_steps, 7);
}

// Breaks where a configuration that is checked in cannot be used.
TEST(TrainingConfigTest, CheckedInConfigurationsAreRead) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MAGNET_TRAIN_CONFIGS)) {
    const std::string path = entry.path().string();
    const absl::Status status = path.find("codec") != std::string::npos
                                    ? ReadCodecTrainingConfig(path).status()
                                    : ReadLmTrainingConfig(path).status();
    EXPECT_TRUE(status.ok()) << status;
    ++count;
  }
  EXPECT_GE(count, 6);
}

}  // namespace
}  // namespace magnet
