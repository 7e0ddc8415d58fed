// The engine as a scheduler sees it, on a small model.
#include "model/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

class GeneratorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string folder = ::testing::TempDir() + "/generator_test_bundle";
    ReferenceFixture("magnet-tiny").WriteBundleTo(folder);
    auto generator = OpenGenerator(folder, {});
    ASSERT_TRUE(generator.ok()) << generator.status();
    generator_ = generator->release();
  }
  static void TearDownTestSuite() { delete generator_; }

  static GenerationSpec Spec(double seconds = 1.0, uint64_t seed = 1) {
    GenerationSpec spec;
    spec.sections = {{0.0, {{"a slow piano ballad", 1.0}}}};
    spec.duration_seconds = seconds;
    spec.seed = seed;
    spec.sampling.decoding_steps = {3, 2, 2, 2};
    return spec;
  }

  static std::unique_ptr<Generation> Begin(const GenerationSpec& spec) {
    auto generation = generator_->Begin(spec);
    EXPECT_TRUE(generation.ok()) << generation.status();
    return *std::move(generation);
  }

  static void RunSteps(Generation& generation) {
    while (!generation.progress().done()) {
      ASSERT_TRUE(generator_->Step({&generation})[0].ok());
    }
  }

  static std::vector<int64_t> Codes(const GenerationSpec& spec) {
    const auto generation = Begin(spec);
    RunSteps(*generation);
    return generation->codes();
  }

  static void ExpectViolation(const GenerationSpec& spec, const std::string& field) {
    const auto generation = generator_->Begin(spec);
    EXPECT_EQ(generation.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(generation.status().message()), HasSubstr(field));
  }

  static constexpr int kCard = 64, kCodebooks = 4, kRate = 50;
  static Generator* generator_;
};

Generator* GeneratorTest::generator_ = nullptr;

// A client that repeats its seed would get other music.
TEST_F(GeneratorTest, ASeedGivesTheSameCodesAloneAndBesideOthers) {
  const std::vector<int64_t> alone = Codes(Spec(1.0, 7));
  const auto one = Begin(Spec(1.0, 7)), longer = Begin(Spec(2.0, 8)), late = Begin(Spec(0.5, 9));
  ASSERT_TRUE(generator_->Step({longer.get()})[0].ok());
  while (!one->progress().done()) {
    std::vector<Generation*> batch = {longer.get(), one.get()};
    if (one->progress().steps_done > 3) batch = {one.get(), late.get()};
    for (const auto& status : generator_->Step(batch)) ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(one->codes(), alone);
  EXPECT_NE(Codes(Spec(1.0, 8)), alone);
}

TEST_F(GeneratorTest, TheMaskIdIsNeverProduced) {
  for (const auto arrangement : {SpanArrangement::kNonoverlap, SpanArrangement::kStride1}) {
    for (const auto schedule : {MaskSchedule::kLinspace, MaskSchedule::kPaper}) {
      GenerationSpec spec = Spec();
      spec.sampling.span_arrangement = arrangement;
      spec.sampling.schedule = schedule;
      for (const int64_t code : Codes(spec)) {
        ASSERT_GE(code, 0);
        ASSERT_LT(code, kCard);
      }
    }
  }
}

TEST_F(GeneratorTest, ProgressCountsStepsPassesAndFrames) {
  const auto generation = Begin(Spec());
  GenerationProgress p = generation->progress();
  EXPECT_EQ(p.steps_total, 9);
  EXPECT_EQ(p.num_frames, 48);
  EXPECT_EQ(p.frames_ready, 0);
  EXPECT_EQ(generation->next_step_rows(), 96) << "a guided step has two branches";
  RunSteps(*generation);
  p = generation->progress();
  EXPECT_EQ(p.steps_done, 9);
  EXPECT_EQ(p.frames_ready, 48);
  // The last step of each of the four stages has a null branch of no weight.
  EXPECT_EQ(p.passes, 9 * 2 - 4);
  EXPECT_EQ(generation->next_step_rows(), 0);
  EXPECT_EQ(generation->num_samples(), 48 * 640);
}

// A batch's budget would be spent on rows that nothing computes, and time on a
// branch that is told the same as the other.
TEST_F(GeneratorTest, WithoutTextThereIsNothingToGuide) {
  for (const bool has_section : {false, true}) {
    GenerationSpec spec = Spec();
    spec.sections.clear();
    if (has_section) spec.sections = {{0.0, {{"", 1.0}, {"", 2.0}}}};
    const auto generation = Begin(spec);
    EXPECT_EQ(generation->next_step_rows(), 48) << "before the window has begun";
    ASSERT_TRUE(generator_->Step({generation.get()})[0].ok());
    EXPECT_EQ(generation->next_step_rows(), 48);
    RunSteps(*generation);
    EXPECT_EQ(generation->progress().passes, 9);
    spec.negative_prompt = "noise";
    EXPECT_EQ(Begin(spec)->next_step_rows(), 96) << "what to steer away from is a branch";
  }
}

TEST_F(GeneratorTest, ALongClipIsMadeInWindowsAndSoundsEarly) {
  const auto generation = Begin(Spec(9.0));
  EXPECT_EQ(generation->progress().num_windows, 3);
  int64_t samples = 0;
  int first_ready_at = -1;
  while (!generation->progress().done()) {
    ASSERT_TRUE(generator_->Step({generation.get()})[0].ok());
    while (generation->progress().frames_decoded < generation->progress().frames_ready) {
      if (first_ready_at < 0) first_ready_at = generation->progress().steps_done;
      const auto chunk = generator_->DecodeAudio(*generation, 12);
      ASSERT_TRUE(chunk.ok()) << chunk.status();
      samples += chunk->size();
    }
  }
  EXPECT_EQ(first_ready_at, 9) << "the first window's audio must not wait for the second";
  EXPECT_EQ(samples, generation->num_samples());
}

TEST_F(GeneratorTest, ALaterWindowContinuesTheOneBefore) {
  GenerationSpec spec = Spec(4.5);
  const std::vector<int64_t> whole = Codes(spec);
  // The first window alone is the first window of the long clip.
  const auto generation = Begin(spec);
  while (generation->progress().window == 0) {
    ASSERT_TRUE(generator_->Step({generation.get()})[0].ok());
  }
  const int ready = generation->progress().frames_ready;
  EXPECT_EQ(ready, 198);
  const std::vector<int64_t> first = generation->codes();
  for (int k = 0; k < kCodebooks; ++k) {
    for (int t = 0; t < ready; ++t) ASSERT_EQ(first[k * 225 + t], whole[k * 225 + t]);
  }
}

TEST_F(GeneratorTest, ContinuesGivenCodes) {
  GenerationSpec spec = Spec(2.0, 3);
  const std::vector<int64_t> source = Codes(Spec(1.0, 4));
  spec.given_codes = {48, source, {}};
  const std::vector<int64_t> codes = Codes(spec);
  for (int k = 0; k < kCodebooks; ++k) {
    for (int t = 0; t < 48; ++t) ASSERT_EQ(codes[k * 99 + t], source[k * 48 + t]);
  }
}

TEST_F(GeneratorTest, RegeneratesOnlyTheRegions) {
  const std::vector<int64_t> source = Codes(Spec(2.0, 4));
  const int frames = 99;
  GenerationSpec spec = Spec(2.0, 5);
  spec.given_codes = {frames, source, {{0.3, 0.6}, {1.0, 1.5}}};
  const std::vector<int64_t> codes = Codes(spec);
  int changed = 0;
  for (int k = 0; k < kCodebooks; ++k) {
    for (int t = 0; t < frames; ++t) {
      const bool region = (t >= 15 && t < 30) || (t >= 50 && t < 75);
      const bool same = codes[k * frames + t] == source[k * frames + t];
      ASSERT_TRUE(region || same) << "codebook " << k << ", frame " << t;
      changed += !same;
    }
  }
  EXPECT_GT(changed, 40);
}

TEST_F(GeneratorTest, RegeneratesAndContinuesAtOnce) {
  const std::vector<int64_t> source = Codes(Spec(1.0, 4));
  GenerationSpec spec = Spec(6.0, 5);
  spec.given_codes = {48, source, {{0.0, 0.2}}};
  const std::vector<int64_t> codes = Codes(spec);
  const size_t frames = codes.size() / kCodebooks;
  for (int k = 0; k < kCodebooks; ++k) {
    for (size_t t = 10; t < 48; ++t) ASSERT_EQ(codes[k * frames + t], source[k * 48 + t]);
  }
}

TEST_F(GeneratorTest, KeepsGivenAudioOfAnotherRate) {
  GenerationSpec spec = Spec(2.0);
  spec.given_audio.sample_rate_hz = 44100;
  for (int i = 0; i < 44100; ++i) {
    spec.given_audio.samples.push_back(0.3f * std::sin(0.05f * i));
  }
  const auto generation = Begin(spec);
  RunSteps(*generation);
  const std::vector<int64_t> first = generation->codes();
  spec.seed = 99;
  const auto other = Begin(spec);
  RunSteps(*other);
  const size_t frames = first.size() / kCodebooks;
  for (int k = 0; k < kCodebooks; ++k) {
    for (size_t t = 0; t < 50; ++t) {
      ASSERT_EQ(first[k * frames + t], other->codes()[k * frames + t]) << "given frames moved";
    }
  }
  EXPECT_NE(first, other->codes());
}

TEST_F(GeneratorTest, AWindowTakesThePromptThatHoldsAtItsNewPart) {
  const auto codes = [&](std::vector<PromptSection> sections) {
    GenerationSpec spec = Spec(6.0, 2);
    spec.sampling.greedy = true;
    spec.sections = std::move(sections);
    return Codes(spec);
  };
  const std::string a = "a slow piano ballad", b = "80s synth pop, bright drums";
  const auto all_a = codes({{0, {{a, 1}}}});
  const auto then_b = codes({{0, {{a, 1}}}, {3.0, {{b, 1}}}});
  const auto too_late = codes({{0, {{a, 1}}}, {5.9, {{b, 1}}}});
  EXPECT_NE(then_b, all_a);
  // 198 frames are the first window: 3.96 s.
  for (int t = 0; t < 198; ++t) ASSERT_EQ(then_b[t], all_a[t]);
  EXPECT_EQ(too_late, all_a) << "no window begins its new part after 5.9 s";
}

// Where given music ends in the middle of a window, what is new would be made
// from the prompt of the past.
TEST_F(GeneratorTest, GivenFramesDoNotChooseThePrompt) {
  const std::vector<int64_t> source = Codes(Spec(1.5, 4));
  const std::string a = "a slow piano ballad", b = "80s synth pop, bright drums";
  const auto codes = [&](std::vector<PromptSection> sections, std::vector<TimeRange> regenerate) {
    GenerationSpec spec = Spec(3.0, 2);
    spec.sampling.greedy = true;
    spec.sections = std::move(sections);
    spec.given_codes = {75, source, std::move(regenerate)};
    return Codes(spec);
  };
  const auto all_a = codes({{0, {{a, 1}}}}, {}), all_b = codes({{0, {{b, 1}}}}, {});
  EXPECT_NE(all_a, all_b);
  EXPECT_EQ(codes({{0, {{a, 1}}}, {1.0, {{b, 1}}}}, {}), all_b);
  EXPECT_EQ(codes({{0, {{a, 1}}}, {2.0, {{b, 1}}}}, {}), all_a);
  EXPECT_EQ(codes({{0, {{a, 1}}}, {1.0, {{b, 1}}}}, {{0.5, 0.7}}),
            codes({{0, {{a, 1}}}}, {{0.5, 0.7}}))
      << "the first new frame is before the second prompt";
}

TEST_F(GeneratorTest, UpcomingSectionsMayChangeWhileMusicPlays) {
  GenerationSpec spec = Spec(6.0, 2);
  spec.sampling.greedy = true;
  const auto changed = Begin(spec);
  const std::vector<int64_t> unchanged = Codes(spec);
  ASSERT_TRUE(generator_->Step({changed.get()})[0].ok());
  ASSERT_TRUE(changed->SetUpcomingSections({{0, {{"80s synth pop, bright drums", 1}}}}).ok());
  EXPECT_FALSE(changed->SetUpcomingSections({{-1, {{"x", 1}}}}).ok());
  RunSteps(*changed);
  const std::vector<int64_t> codes = changed->codes();
  for (int t = 0; t < 198; ++t) ASSERT_EQ(codes[t], unchanged[t]) << "a window changed midway";
  EXPECT_NE(codes, unchanged);
}

// Taking the text away in the middle of a window would end its guidance there,
// and the music would break off inside it.
TEST_F(GeneratorTest, AWindowKeepsItsGuidanceWhenTheTextIsTakenAway) {
  GenerationSpec spec = Spec(6.0, 2);
  spec.sampling.greedy = true;
  const auto untouched = Begin(spec), changed = Begin(spec);
  const auto step = [](Generation& generation) {
    ASSERT_TRUE(generator_->Step({&generation})[0].ok());
  };
  step(*untouched);
  step(*changed);
  ASSERT_TRUE(changed->SetUpcomingSections({}).ok());
  while (untouched->progress().window == 0) {
    ASSERT_EQ(changed->next_step_rows(), untouched->next_step_rows());
    step(*untouched);
    step(*changed);
    ASSERT_EQ(changed->progress().passes, untouched->progress().passes);
  }
  const std::vector<int64_t> wanted = untouched->codes(), found = changed->codes();
  const size_t frames = found.size() / kCodebooks;
  for (int k = 0; k < kCodebooks; ++k) {
    for (size_t t = 0; t < 198; ++t) ASSERT_EQ(found[k * frames + t], wanted[k * frames + t]);
  }
  EXPECT_LT(changed->next_step_rows(), untouched->next_step_rows()) << "the next is unguided";
}

TEST_F(GeneratorTest, WeightsSteerBetweenPrompts) {
  const auto codes = [&](std::vector<WeightedPrompt> prompts) {
    GenerationSpec spec = Spec(1.0, 2);
    spec.sampling.greedy = true;
    spec.sections = {{0, std::move(prompts)}};
    return Codes(spec);
  };
  const std::string a = "a slow piano ballad", b = "80s synth pop, bright drums";
  EXPECT_EQ(codes({{a, 2}, {a, 5}}), codes({{a, 1}}));
  EXPECT_EQ(codes({{a, 1}, {b, 3}}), codes({{a, 2}, {b, 6}})) << "weights are relative";
  EXPECT_NE(codes({{a, 1}, {b, 1}}), codes({{a, 1}}));
}

TEST_F(GeneratorTest, ANegativePromptChangesTheMusic) {
  GenerationSpec spec = Spec();
  const auto plain = Codes(spec);
  spec.negative_prompt = "80s synth pop, bright drums";
  EXPECT_NE(Codes(spec), plain);
}

TEST_F(GeneratorTest, AnEmptyPromptIsNoPrompt) {
  GenerationSpec empty = Spec(), none = Spec();
  empty.sections = {{0.0, {{"", 1.0}}}};
  none.sections.clear();
  EXPECT_EQ(Codes(empty), Codes(none));
}

TEST_F(GeneratorTest, AGenerationMayBeDroppedBetweenSteps) {
  auto dropped = Begin(Spec(1.0, 1));
  const auto kept = Begin(Spec(1.0, 7));
  for (int i = 0; i < 4; ++i) generator_->Step({dropped.get(), kept.get()});
  dropped.reset();
  RunSteps(*kept);
  EXPECT_EQ(kept->codes(), Codes(Spec(1.0, 7)));
}

TEST_F(GeneratorTest, ChunksOfAudioAddUpToTheSameSound) {
  const auto decode = [&](int chunk_frames) {
    const auto generation = Begin(Spec(2.0));
    RunSteps(*generation);
    std::vector<float> samples;
    while (generation->progress().frames_decoded < generation->progress().num_frames) {
      const auto chunk = generator_->DecodeAudio(*generation, chunk_frames);
      EXPECT_TRUE(chunk.ok());
      samples.insert(samples.end(), chunk->begin(), chunk->end());
    }
    return samples;
  };
  const auto whole = decode(1000), small = decode(7);
  ASSERT_EQ(whole.size(), small.size());
  for (size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(whole[i], small[i], 1e-4f) << i;
}

TEST_F(GeneratorTest, BadSpecsAreRefusedByField) {
  GenerationSpec spec = Spec();
  spec.sampling.decoding_steps = {1, 2};
  ExpectViolation(spec, "sampling.decoding_steps");
  spec = Spec();
  spec.duration_seconds = 601;
  ExpectViolation(spec, "duration_seconds");
  spec = Spec();
  spec.given_codes = {1, {64, 0, 0, 0}, {}};
  ExpectViolation(spec, "given_codes");
}

TEST(OpenGenerator, NamesWhatIsMissing) {
  const auto generator = OpenGenerator("/no/such/folder", {});
  EXPECT_FALSE(generator.ok());
  EXPECT_THAT(std::string(generator.status().message()), HasSubstr("/no/such/folder"));
}

TEST(OpenGenerator, ListsEveryMisfitTensorAtOnce) {
  const std::string folder = ::testing::TempDir() + "/misfit_bundle";
  Bundle bundle = ReferenceFixture("magnet-tiny").Import();
  bundle.lm.erase("emb.0.weight");
  bundle.lm["out_norm.weight"] = torch::ones({3});
  bundle.lm["surplus"] = torch::ones({1});
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(WriteBundle(bundle, torch::kFloat, folder).ok());
  const auto generator = OpenGenerator(folder, {});
  const std::string message(generator.status().message());
  for (const char* part : {"lm.safetensors", "emb.0.weight", "out_norm.weight", "surplus"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace magnet
