#include "server/generation_request.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/status_conversion.h"
#include "tests/server/encoded_audio.h"
#include "tests/testing/fake_generator.h"

namespace magnet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

v1::GenerateRequest Parse(const std::string& text) {
  v1::GenerateRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  return request;
}

absl::StatusOr<GenerationRequest> Convert(const v1::GenerateRequest& request) {
  ModelConfig config = testing::FakeModelConfig("fake");
  config.lm.neighbour_tables = 1;
  return ConvertRequest(request, config, RequestLimits(), /*fresh_seed=*/99);
}

// Fields of the BadRequest that a client would get.
std::vector<std::string> WrongFields(const v1::GenerateRequest& request) {
  google::rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(ToGrpcStatus(Convert(request).status()).error_details()));
  std::vector<std::string> fields;
  for (const auto& detail : status.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations())
      fields.push_back(violation.field());
  }
  return fields;
}

TEST(GenerationRequestTest, EmptyRequestTakesEveryDefault) {
  auto request = Convert({});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_TRUE(request->spec.sections.empty());
  EXPECT_EQ(request->spec.duration_seconds, 10);
  EXPECT_EQ(request->spec.seed, 99u);
  EXPECT_EQ(request->spec.overlap, 0.25);
  EXPECT_THAT(request->spec.sampling.decoding_steps, ElementsAre(2, 1, 1, 1));
  EXPECT_EQ(request->format, AudioFormat::kWavS16);
  EXPECT_EQ(request->priority, JobPriority::kNormal);
  EXPECT_EQ(request->chunk_samples, 4000);
  EXPECT_TRUE(request->wants_progress);
}

TEST(GenerationRequestTest, EveryFieldArrives) {
  auto request = Convert(Parse(R"pb(
    sections { prompts { text: "a" } }
    sections {
      start_seconds: 2
      prompts { text: "b" weight: 2 }
      prompts { text: "c" weight: 0.5 }
    }
    negative_prompt: "n"
    duration_seconds: 5
    seed: 0
    overlap: 0.5
    sampling {
      greedy: true
      temperature: 2
      anneal_temperature: false
      top_p: 0.5
      top_k: 3
      guidance_max: 4
      guidance_min: 2
      later_guidance: 0.25
      later_temperature: 0.5
      neighbour_weight: 0.75
      decoding_steps: [ 5, 4, 3, 2 ]
      span_arrangement: SPAN_ARRANGEMENT_STRIDE1
      schedule: MASK_SCHEDULE_PAPER
      span_score: SPAN_SCORE_PROD
    }
    output { format: AUDIO_FORMAT_OGG_OPUS chunk_seconds: 1 }
    priority: PRIORITY_HIGH
    progress: false)pb"));
  ASSERT_TRUE(request.ok()) << request.status();
  const GenerationSpec& spec = request->spec;
  ASSERT_EQ(spec.sections.size(), 2u);
  EXPECT_EQ(spec.sections[0].prompts[0].weight, 1);
  EXPECT_EQ(spec.sections[1].start_seconds, 2);
  EXPECT_EQ(spec.sections[1].prompts[1].text, "c");
  EXPECT_EQ(spec.sections[1].prompts[1].weight, 0.5);
  EXPECT_EQ(spec.negative_prompt, "n");
  EXPECT_EQ(spec.duration_seconds, 5);
  EXPECT_EQ(spec.seed, 0u) << "a seed of 0 is a seed";
  EXPECT_EQ(spec.overlap, 0.5);
  EXPECT_TRUE(spec.sampling.greedy);
  EXPECT_EQ(spec.sampling.temperature, 2);
  EXPECT_FALSE(spec.sampling.anneal_temperature);
  EXPECT_EQ(spec.sampling.top_p, 0.5);
  EXPECT_EQ(spec.sampling.top_k, 3);
  EXPECT_EQ(spec.sampling.guidance_max, 4);
  EXPECT_EQ(spec.sampling.guidance_min, 2);
  EXPECT_EQ(spec.sampling.later_guidance, 0.25);
  EXPECT_EQ(spec.sampling.later_temperature, 0.5);
  EXPECT_EQ(spec.sampling.neighbour_weight, 0.75);
  EXPECT_THAT(spec.sampling.decoding_steps, ElementsAre(5, 4, 3, 2));
  EXPECT_EQ(spec.sampling.span_arrangement, SpanArrangement::kStride1);
  EXPECT_EQ(spec.sampling.schedule, MaskSchedule::kPaper);
  EXPECT_EQ(spec.sampling.span_score, SpanScore::kProd);
  EXPECT_EQ(request->format, AudioFormat::kOggOpus);
  EXPECT_EQ(request->chunk_samples, 16000);
  EXPECT_EQ(request->priority, JobPriority::kHigh);
  EXPECT_FALSE(request->wants_progress);
}

// Breaks where the tempo of a request is lost, or a model without one takes it.
TEST(GenerationRequestTest, ATempoArrivesWhereTheModelTakesOne) {
  ModelConfig config = testing::FakeModelConfig("fake");
  const v1::GenerateRequest request = Parse(R"pb(prompt: "a" tempo_bpm: 96.5)pb");
  const auto convert = [&](const v1::GenerateRequest& r) {
    return ConvertRequest(r, config, RequestLimits(), /*fresh_seed=*/1);
  };
  EXPECT_THAT(std::string(convert(request).status().message()), HasSubstr("tempo_bpm"));
  config.lm.beats = BeatConfig{};
  ASSERT_TRUE(convert(request).ok()) << convert(request).status();
  EXPECT_EQ(convert(request)->spec.tempo_bpm, 96.5);
  EXPECT_FALSE(convert(Parse(R"pb(prompt: "a" tempo_bpm: 0)pb")).ok());
  EXPECT_EQ(convert(Parse(R"pb(prompt: "a")pb"))->spec.tempo_bpm, 0);
  const v1::Model model = DescribeModel(config, Arithmetic(), RequestLimits());
  EXPECT_EQ(model.max_tempo_bpm(), TemposOf(config).max_bpm);
  EXPECT_EQ(model.min_tempo_bpm(), TemposOf(config).min_bpm);
}

TEST(GenerationRequestTest, GivenAudioIsDecoded) {
  v1::GenerateRequest request =
      Parse("given_audio { regenerate { start_seconds: 0.2 end_seconds: 0.4 } }");
  request.mutable_given_audio()->set_data(
      testing::EncodedAudio(AudioFormat::kFlac, 8000, std::vector<float>(8000, 0.5f)));
  auto converted = Convert(request);
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(converted->spec.given_audio.samples.size(), 8000u);
  EXPECT_EQ(converted->spec.given_audio.sample_rate_hz, 8000);
  ASSERT_EQ(converted->spec.given_audio.regenerate.size(), 1u);
  EXPECT_EQ(converted->spec.given_audio.regenerate[0].end_seconds, 0.4);
}

// All wrong fields at once, by the names that the caller knows.
TEST(GenerationRequestTest, NamesEveryWrongFieldByItsPathInTheProto) {
  EXPECT_THAT(WrongFields(Parse(R"pb(
                duration_seconds: -1
                overlap: 2
                sampling {
                  temperature: -1
                  top_p: 3
                  decoding_steps: [ 1 ]
                }
                output { format: 99 chunk_seconds: 100 }
                priority: 44)pb")),
              UnorderedElementsAre("duration_seconds", "overlap", "sampling.temperature",
                                   "sampling.top_p", "sampling.decoding_steps", "output.format",
                                   "output.chunk_seconds", "priority"));
}

TEST(GenerationRequestTest, APromptThatIsWrongIsCalledPrompt) {
  v1::GenerateRequest request;
  request.set_prompt(std::string(5000, 'x'));
  EXPECT_THAT(WrongFields(request), ElementsAre("prompt"));
  request.set_prompt("a");
  request.add_sections()->add_prompts()->set_text("b");
  EXPECT_THAT(WrongFields(request), ElementsAre("prompt"));
}

TEST(GenerationRequestTest, SectionsAreCalledByTheirIndex) {
  EXPECT_THAT(WrongFields(Parse(R"pb(sections { prompts { text: "a" weight: -1 } })pb")),
              ElementsAre("sections[0].prompts[0].weight"));
}

TEST(GenerationRequestTest, UnreadableAudioIsOneViolation) {
  EXPECT_THAT(WrongFields(Parse(R"pb(given_audio { data: "noise" })pb")),
              ElementsAre("given_audio.data"));
}

TEST(GenerationRequestTest, NonFiniteNumbersAreViolations) {
  v1::GenerateRequest request;
  request.set_duration_seconds(std::nan(""));
  request.mutable_sampling()->set_temperature(std::nan(""));
  request.mutable_output()->set_chunk_seconds(std::nan(""));
  EXPECT_THAT(WrongFields(request), UnorderedElementsAre("duration_seconds", "sampling.temperature",
                                                         "output.chunk_seconds"));
}

TEST(DescribeModelTest, SaysWhatTheConfigSays) {
  const v1::Model model =
      DescribeModel(testing::FakeModelConfig("fake"), {"CUDA GPU 1", "float16"}, RequestLimits());
  EXPECT_EQ(model.name(), "fake");
  EXPECT_EQ(model.sample_rate_hz(), 16000);
  EXPECT_EQ(model.frame_rate_hz(), 50);
  EXPECT_EQ(model.window_seconds(), 2);
  EXPECT_EQ(model.device(), "CUDA GPU 1");
  EXPECT_EQ(model.precision(), "float16");
  EXPECT_THAT(model.default_sampling().decoding_steps(), ElementsAre(2, 1, 1, 1));
  EXPECT_EQ(model.limits().max_duration_seconds(), 600);
}

}  // namespace
}  // namespace magnet
