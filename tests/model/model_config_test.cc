#include "model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/testing/mutation.h"

namespace magnet {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

ModelConfig SmallConfig() {
  ModelConfig config;
  config.name = "magnet-tiny";
  config.version = "1";
  config.description = "A model for tests, \"quoted\" \xC3\xA9.";
  config.license = "MIT";
  config.lm = {.dim = 64,
               .num_heads = 4,
               .num_layers = 3,
               .ffn_dim = 256,
               .num_codebooks = 4,
               .card = 64,
               .text_dim = 32,
               .window_frames = 200};
  config.codec.sample_rate_hz = 32000;
  config.codec.num_filters = 4;
  config.codec.dimension = 16;
  config.codec.ratios = {8, 5, 4, 4};
  config.codec.num_codebooks = 4;
  config.codec.codebook_size = 64;
  config.text_encoder = {
      .vocab_size = 256, .d_model = 32, .d_kv = 8, .d_ff = 64, .num_layers = 3, .num_heads = 4};
  return config;
}

json SmallJson() { return json::parse(FormatModelConfig(SmallConfig())); }

std::string ParseError(const json& document) {
  const auto config = ParseModelConfig(document.dump());
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ModelConfigTest, FormattedConfigParsesToTheSameConfig) {
  ModelConfig config = SmallConfig();
  config.sampling.span_arrangement = SpanArrangement::kStride1;
  config.sampling.schedule = MaskSchedule::kPaper;
  config.sampling.span_score = SpanScore::kProd;
  config.codec.pad_mode = PadMode::kConstant;
  const std::string text = FormatModelConfig(config);
  const auto parsed = ParseModelConfig(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(FormatModelConfig(*parsed), text);
  EXPECT_EQ(parsed->sampling.schedule, MaskSchedule::kPaper);
  EXPECT_EQ(parsed->codec.pad_mode, PadMode::kConstant);
  EXPECT_EQ(parsed->description, config.description);
}

// Breaks where bundles that were written before the field was there are refused, or its range is
// not checked.
TEST(ModelConfigTest, LaterTemperatureMayBeLeftOut) {
  ModelConfig config = SmallConfig();
  EXPECT_EQ(SmallJson()["sampling"].count("later_temperature"), 0u);
  EXPECT_EQ(ParseModelConfig(SmallJson().dump())->sampling.later_temperature, 1);
  config.sampling.later_temperature = 0.6;
  json document = json::parse(FormatModelConfig(config));
  EXPECT_EQ(ParseModelConfig(document.dump())->sampling.later_temperature, 0.6);
  document["sampling"]["later_temperature"] = 0;
  EXPECT_THAT(ParseError(document), HasSubstr("sampling.later_temperature: expected"));
}

// Breaks likewise.
TEST(ModelConfigTest, LaterGuidanceMayBeLeftOut) {
  ModelConfig config = SmallConfig();
  EXPECT_EQ(SmallJson()["sampling"].count("later_guidance"), 0u);
  EXPECT_EQ(ParseModelConfig(SmallJson().dump())->sampling.later_guidance, 1);
  config.sampling.later_guidance = 0.25;
  json document = json::parse(FormatModelConfig(config));
  EXPECT_EQ(ParseModelConfig(document.dump())->sampling.later_guidance, 0.25);
  document["sampling"]["later_guidance"] = 2;
  EXPECT_THAT(ParseError(document), HasSubstr("sampling.later_guidance: expected"));
  document["sampling"]["later_guidance"] = "none";
  EXPECT_THAT(ParseError(document), HasSubstr("sampling.later_guidance: expected a number"));
}

// Breaks where older bundles are refused, a weight is taken that no table gives a meaning, or more
// tables than codebooks.
TEST(ModelConfigTest, NeighbourTablesMayBeLeftOut) {
  EXPECT_EQ(SmallJson()["lm"].count("neighbour_tables"), 0u);
  EXPECT_EQ(ParseModelConfig(SmallJson().dump())->lm.neighbour_tables, 0);
  ModelConfig config = SmallConfig();
  config.lm.neighbour_tables = 2;
  config.sampling.neighbour_weight = 0.7;
  config.sampling.span_score = SpanScore::kRandom;
  json document = json::parse(FormatModelConfig(config));
  const auto parsed = ParseModelConfig(document.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->lm.neighbour_tables, 2);
  EXPECT_EQ(parsed->sampling.neighbour_weight, 0.7);
  EXPECT_EQ(parsed->sampling.span_score, SpanScore::kRandom);
  document["lm"].erase("neighbour_tables");
  EXPECT_THAT(ParseError(document), HasSubstr("sampling.neighbour_weight: expected"));
  document["lm"]["neighbour_tables"] = config.lm.num_codebooks + 1;
  EXPECT_THAT(ParseError(document), HasSubstr("lm.neighbour_tables: expected at most"));
}

// Breaks where models without beats, as all published ones are, could not be opened any
// more, or those with beats lose them.
TEST(ModelConfigTest, BeatsMayBeAbsent) {
  EXPECT_EQ(SmallJson()["lm"].count("beats"), 0u);
  ModelConfig config = SmallConfig();
  config.lm.beats = BeatConfig{.min_frames_per_beat = 20};
  const std::string text = FormatModelConfig(config);
  const auto parsed = ParseModelConfig(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(FormatModelConfig(*parsed), text);
  EXPECT_EQ(parsed->lm.beats->min_frames_per_beat, 20);
  json broken = json::parse(text);
  broken["lm"]["beats"].erase("ticks_per_beat");
  EXPECT_THAT(ParseError(broken), HasSubstr("lm.beats.ticks_per_beat: missing"));
  broken["lm"]["beats"] = 3;
  EXPECT_THAT(ParseError(broken), HasSubstr("lm.beats: expected an object, found 3"));
}

TEST(ModelConfigTest, DerivedSizes) {
  const ModelConfig config = SmallConfig();
  EXPECT_EQ(config.codec.hop_length(), 640);
  EXPECT_EQ(config.codec.frame_rate_hz(), 50);
  EXPECT_DOUBLE_EQ(config.window_seconds(), 198 / 50.0) << "200 frames are 66 spans of 3";
}

TEST(ModelConfigTest, EveryMissingKeyIsNamed) {
  const json document = SmallJson();
  for (const char* part : {"lm", "codec", "text_encoder", "sampling"}) {
    for (const auto& [key, value] : document[part].items()) {
      json broken = document;
      broken[part].erase(key);
      EXPECT_THAT(ParseError(broken), HasSubstr(std::string(part) + "." + key + ": missing"));
    }
  }
}

TEST(ModelConfigTest, EveryWrongTypeIsNamed) {
  const json document = SmallJson();
  for (const char* part : {"lm", "codec", "text_encoder", "sampling"}) {
    for (const auto& [key, value] : document[part].items()) {
      json broken = document;
      broken[part][key] = json::object();
      EXPECT_THAT(ParseError(broken), HasSubstr(std::string(part) + "." + key + ": expected"));
    }
  }
}

TEST(ModelConfigTest, UnknownAndDoubleKeysAreErrors) {
  json document = SmallJson();
  document["codec"]["ratio"] = 1;
  EXPECT_THAT(ParseError(document), HasSubstr("codec.ratio: unknown key"));
  const auto twice = ParseModelConfig(R"({"name": "a", "name": "b"})");
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("\"name\" occurs twice"));
}

struct Contradiction {
  const char* what;
  void (*make)(ModelConfig&);
  const char* error;
};

TEST(ModelConfigTest, SizesOutOfRangeOrInContradictionAreErrors) {
  const Contradiction cases[] = {
      {"odd width", [](ModelConfig& c) { c.lm.dim = 66 - 1; }, "lm.dim"},
      {"heads", [](ModelConfig& c) { c.lm.num_heads = 5; }, "lm.num_heads"},
      {"text width", [](ModelConfig& c) { c.lm.text_dim = 31; }, "text_encoder.d_model (32)"},
      {"card", [](ModelConfig& c) { c.lm.card = 63; }, "codec.codebook_size (64)"},
      {"codebooks", [](ModelConfig& c) { c.codec.num_codebooks = 3; }, "lm.num_codebooks"},
      {"window", [](ModelConfig& c) { c.lm.window_frames = 2; }, "lm.span_len"},
      {"tempos", [](ModelConfig& c) { c.lm.beats = BeatConfig{.min_frames_per_beat = 76}; },
       "lm.beats.min_frames_per_beat"},
      {"ticks", [](ModelConfig& c) { c.lm.beats = BeatConfig{.ticks_per_beat = 0}; },
       "lm.beats.ticks_per_beat"},
      {"steps", [](ModelConfig& c) { c.sampling.decoding_steps = {1}; }, "decoding_steps"},
      {"nan", [](ModelConfig& c) { c.sampling.temperature = std::nan(""); }, "temperature"},
      {"absurd",
       [](ModelConfig& c) {
         c.lm.dim = 1 << 16;
         c.lm.num_layers = 1000;
       },
       "parameters"},
      {"name", [](ModelConfig& c) { c.name = "../x"; }, "name: expected letters"},
      {"no name", [](ModelConfig& c) { c.name = ""; }, "name: expected 1 to"},
      {"ratios", [](ModelConfig& c) { c.codec.ratios = {}; }, "codec.ratios"},
      {"trim", [](ModelConfig& c) { c.codec.trim_right_ratio = 0.5; }, "trim_right_ratio"},
      {"buckets", [](ModelConfig& c) { c.text_encoder.relative_attention_num_buckets = 6; },
       "num_buckets"},
  };
  ASSERT_TRUE(CheckModelConfig(SmallConfig()).ok());
  for (const Contradiction& test : cases) {
    ModelConfig config = SmallConfig();
    test.make(config);
    EXPECT_THAT(std::string(CheckModelConfig(config).message()), HasSubstr(test.error))
        << test.what;
  }
}

TEST(ModelConfigTest, DeepAndLargeTextsAreRefused) {
  EXPECT_FALSE(ParseModelConfig(std::string(1 << 19, '[')).ok());
  EXPECT_FALSE(ParseModelConfig(std::string(2 << 20, ' ')).ok());
  EXPECT_FALSE(ParseModelConfig("").ok());
  EXPECT_FALSE(ParseModelConfig("[]").ok());
}

// What breaks if this fails: a config.json from elsewhere crashes the server.
// Whatever is accepted must survive being written and read again.
TEST(ModelConfigTest, MutatedTextNeverCrashes) {
  const std::vector<std::string> corpus = {FormatModelConfig(SmallConfig())};
  testing::Mutator mutator(/*seed=*/1, {.special = "0123456789-.e\"{}[]"});
  int accepted = 0;
  for (int left = testing::NumMutations(/*fallback=*/5000); left > 0; --left) {
    const std::string mutated = mutator.Mutate(corpus);
    const auto config = ParseModelConfig(mutated);
    if (!config.ok()) continue;
    ++accepted;
    EXPECT_TRUE(ParseModelConfig(FormatModelConfig(*config)).ok()) << mutated;
  }
  EXPECT_GT(accepted, 0) << "no mutation reached the checks behind the parser";
}

}  // namespace
}  // namespace magnet
