#include "model/generation_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "model/model_config.h"
#include "model/utf8.h"

namespace magnet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

ModelConfig FourCodebooksAt50Hz() {
  ModelConfig config;
  config.lm.num_codebooks = 4;
  config.lm.card = 64;
  config.lm.span_len = 3;
  config.lm.window_frames = 200;
  config.codec.sample_rate_hz = 32000;
  config.codec.ratios = {8, 5, 4, 4};
  return config;
}

GenerationSpec ValidSpec() {
  GenerationSpec spec;
  spec.sections = {{0, {{"piano", 1}, {"strings", 0.5}}}, {5, {{"drums", 1}}}};
  return spec;
}

std::vector<std::string> Fields(const GenerationSpec& spec) {
  std::vector<std::string> fields;
  for (const auto& v : FindViolations(spec, FourCodebooksAt50Hz(), GenerationLimits{})) {
    EXPECT_FALSE(v.description.empty()) << v.field;
    fields.push_back(v.field);
  }
  return fields;
}

TEST(GenerationSpecTest, ValidSpecsPass) {
  EXPECT_THAT(Fields(ValidSpec()), IsEmpty());
  EXPECT_THAT(Fields(GenerationSpec{}), IsEmpty()) << "defaults are an unconditional clip";
}

// Breaks where a tempo is taken that the model cannot play, or none that it can.
TEST(GenerationSpecTest, ATempoIsForModelsThatAreToldTheirBeats) {
  ModelConfig config = FourCodebooksAt50Hz();
  EXPECT_EQ(TemposOf(config).max_bpm, 0);
  config.lm.beats = BeatConfig{.min_frames_per_beat = 15, .max_frames_per_beat = 50};
  EXPECT_EQ(TemposOf(config).min_bpm, 60);
  EXPECT_EQ(TemposOf(config).max_bpm, 200);
  const auto violations = [&](double bpm, bool with_codes) {
    GenerationSpec spec = ValidSpec();
    spec.tempo_bpm = bpm;
    if (with_codes)
      spec.given_codes = {.num_frames = 3, .codes = std::vector<int64_t>(12), .regenerate = {}};
    return FindViolations(spec, config, GenerationLimits{});
  };
  for (const double bpm : {0.0, 59.9, 60.0, 97.3, 200.0, 200.1}) {
    EXPECT_TRUE(violations(bpm, false).empty()) << bpm << " rounds to 15 to 50 frames";
  }
  for (const double bpm : {59.3, 207.0, 1e-300, -1.0, kNan, kInf}) {
    ASSERT_EQ(violations(bpm, false).size(), 1u) << bpm;
    EXPECT_EQ(violations(bpm, false)[0].field, "tempo_bpm");
  }
  EXPECT_TRUE(violations(0, true).empty());
  EXPECT_EQ(violations(100, true).size(), 1u) << "the beats of given codes are not known";
}

struct Case {
  std::function<void(GenerationSpec&)> change;
  const char* field;
};

TEST(GenerationSpecTest, EachViolationNamesItsField) {
  const std::vector<Case> cases = {
      {[](auto& s) { s.sections[0].start_seconds = 1; }, "sections[0].start_seconds"},
      {[](auto& s) { s.sections[1].start_seconds = 0; }, "sections[1].start_seconds"},
      {[](auto& s) { s.sections[1].start_seconds = kNan; }, "sections[1].start_seconds"},
      {[](auto& s) { s.sections[1].start_seconds = 10; }, "sections[1].start_seconds"},
      {[](auto& s) { s.sections[0].prompts.clear(); }, "sections[0].prompts"},
      {[](auto& s) { s.sections[0].prompts[1].weight = 0; }, "sections[0].prompts[1].weight"},
      {[](auto& s) { s.sections[0].prompts[1].weight = kInf; }, "sections[0].prompts[1].weight"},
      {[](auto& s) {
         s.sections[0].prompts[0].weight = 1.7e308;
         s.sections[0].prompts[1].weight = 1.7e308;
       },
       "sections[0].prompts"},
      {[](auto& s) { s.sections[1].prompts[0].text = "\xC3\x28"; }, "sections[1].prompts[0].text"},
      {[](auto& s) { s.sections[1].prompts[0].text.assign(5000, 'a'); },
       "sections[1].prompts[0].text"},
      {[](auto& s) { s.sections.resize(65, s.sections[0]); }, "sections"},
      {[](auto& s) {
         s.sections[0].prompts.resize(17, {"a", 1});
       },
       "sections"},
      {[](auto& s) { s.negative_prompt = "\xFF"; }, "negative_prompt"},
      {[](auto& s) { s.tempo_bpm = 120; }, "tempo_bpm"},
      {[](auto& s) {
         s.sections.clear();
         s.duration_seconds = kNan;
       },
       "duration_seconds"},
      {[](auto& s) {
         s.sections.clear();
         s.duration_seconds = 0.03;
       },
       "duration_seconds"},
      {[](auto& s) { s.duration_seconds = 601; }, "duration_seconds"},
      {[](auto& s) {
         s.sections.clear();
         s.duration_seconds = -1;
       },
       "duration_seconds"},
      {[](auto& s) { s.sampling.temperature = 0; }, "sampling.temperature"},
      {[](auto& s) { s.sampling.temperature = kNan; }, "sampling.temperature"},
      {[](auto& s) { s.sampling.top_p = 1.01; }, "sampling.top_p"},
      {[](auto& s) { s.sampling.top_k = 65; }, "sampling.top_k"},
      {[](auto& s) { s.sampling.top_k = -1; }, "sampling.top_k"},
      {[](auto& s) { s.sampling.guidance_max = kInf; }, "sampling.guidance_max"},
      {[](auto& s) { s.sampling.guidance_min = -1; }, "sampling.guidance_min"},
      {[](auto& s) { s.sampling.later_guidance = 1.5; }, "sampling.later_guidance"},
      {[](auto& s) { s.sampling.later_temperature = 0; }, "sampling.later_temperature"},
      // This model has no tables of neighbours.
      {[](auto& s) { s.sampling.neighbour_weight = 0.5; }, "sampling.neighbour_weight"},
      {[](auto& s) {
         s.sampling.decoding_steps = {1, 1, 1};
       },
       "sampling.decoding_steps"},
      {[](auto& s) { s.sampling.decoding_steps[2] = 0; }, "sampling.decoding_steps[2]"},
      {[](auto& s) {
         s.sampling.decoding_steps = {999, 1, 1, 1};
       },
       "sampling.decoding_steps"},
      {[](auto& s) { s.overlap = 0; }, "overlap"},
      {[](auto& s) { s.overlap = kNan; }, "overlap"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    GenerationSpec spec = ValidSpec();
    cases[i].change(spec);
    EXPECT_THAT(Fields(spec), ElementsAre(cases[i].field)) << "case " << i;
  }
}

GenerationSpec SpecWithAudio(double seconds) {
  GenerationSpec spec = ValidSpec();
  spec.given_audio.sample_rate_hz = 16000;
  spec.given_audio.samples.assign(static_cast<size_t>(seconds * 16000), 0.5f);
  return spec;
}

TEST(GenerationSpecTest, GivenAudio) {
  EXPECT_THAT(Fields(SpecWithAudio(4)), IsEmpty());
  EXPECT_THAT(Fields(SpecWithAudio(10)), ElementsAre("duration_seconds"))
      << "nothing would be generated";
  EXPECT_THAT(Fields(SpecWithAudio(11)), ElementsAre("duration_seconds"));
  EXPECT_THAT(Fields(SpecWithAudio(0.01)), ElementsAre("given_audio.samples"));

  GenerationSpec spec = SpecWithAudio(10);
  spec.given_audio.regenerate = {{2, 3}, {9, 10}};
  EXPECT_THAT(Fields(spec), IsEmpty()) << "inpainting keeps the length";
  spec.given_audio.regenerate = {{3, 3}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].end_seconds"));
  spec.given_audio.regenerate = {{2, 3}, {9, 10.1}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[1].end_seconds"));
  spec.given_audio.regenerate = {{-1, 3}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].start_seconds"));
  spec.given_audio.regenerate = {{kNan, 3}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].start_seconds"));

  spec = SpecWithAudio(4);
  spec.given_audio.samples[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.samples[7]"));
  spec = SpecWithAudio(4);
  spec.given_audio.sample_rate_hz = 0;
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.sample_rate_hz"));
  spec = ValidSpec();
  spec.given_audio.regenerate = {{0, 1}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate"));
}

TEST(GenerationSpecTest, GivenCodes) {
  GenerationSpec spec = ValidSpec();
  spec.given_codes = {.num_frames = 100, .codes = std::vector<int64_t>(400, 63), .regenerate = {}};
  EXPECT_THAT(Fields(spec), IsEmpty());
  spec.given_codes.codes[5] = 64;
  EXPECT_THAT(Fields(spec), ElementsAre("given_codes.codes[5]")) << "64 is the mask";
  spec.given_codes.codes[5] = -1;
  EXPECT_THAT(Fields(spec), ElementsAre("given_codes.codes[5]"));
  spec.given_codes.codes.pop_back();
  EXPECT_THAT(Fields(spec), ElementsAre("given_codes.codes"));
  spec.given_codes = {.num_frames = 500, .codes = std::vector<int64_t>(2000, 0), .regenerate = {}};
  EXPECT_THAT(Fields(spec), ElementsAre("duration_seconds"));
  spec.given_codes.regenerate = {{0, 1}};
  EXPECT_THAT(Fields(spec), IsEmpty());
  spec.given_audio = SpecWithAudio(4).given_audio;
  EXPECT_THAT(Fields(spec), ElementsAre("given_codes"));
}

// A clip whose frames end before the wanted part has nothing to generate: it would
// come back unchanged, and progress would divide by no steps.
TEST(GenerationSpecTest, WhatIsRegeneratedBeginsInsideTheClipsFrames) {
  GenerationSpec spec = SpecWithAudio(10);
  spec.given_audio.regenerate = {{9.95, 10}};
  EXPECT_THAT(Fields(spec), IsEmpty()) << "frame 497 of 498";
  spec.given_audio.regenerate = {{9.97, 10}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].start_seconds"));
  spec.given_audio.regenerate = {{2, 3}, {9.97, 10}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[1].start_seconds"));
  spec.sampling.span_arrangement = SpanArrangement::kStride1;
  spec.given_audio.regenerate = {{9.97, 10}};
  EXPECT_THAT(Fields(spec), IsEmpty()) << "that arrangement keeps 500 frames";

  spec = SpecWithAudio(10.009);
  spec.duration_seconds = 10.009;
  spec.sampling.span_arrangement = SpanArrangement::kStride1;
  spec.given_audio.regenerate = {{10.003, 10.009}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].start_seconds"))
      << "10.009 s are 500 frames";

  spec = SpecWithAudio(1.87);
  spec.sections.clear();
  spec.duration_seconds = 1.86;
  spec.given_audio.regenerate = {{std::nextafter(1.86, 0), 1.87}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_audio.regenerate[0].start_seconds"))
      << "frame 93 of 93, once it is rounded";

  spec = ValidSpec();
  spec.given_codes = {500, std::vector<int64_t>(2000, 0), {{9.97, 10}}};
  EXPECT_THAT(Fields(spec), ElementsAre("given_codes.regenerate[0].start_seconds"));
}

TEST(GenerationSpecTest, AllViolationsAtOnceInFieldOrder) {
  GenerationSpec spec = ValidSpec();
  spec.overlap = 2;
  spec.sampling.top_p = -1;
  spec.negative_prompt = "\xFF";
  EXPECT_THAT(Fields(spec), ElementsAre("negative_prompt", "sampling.top_p", "overlap"));
}

TEST(Utf8Test, WellFormedTextOnly) {
  for (const char* good : {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8E\xB8"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace magnet
