// Packed steps against a pass per clip, on the CPU: all that is decided about a
// batch is the same code on a GPU, which only brings other kernels. If one of these
// fails, a GPU makes other music than a CPU, or other music in company than alone.
#include "model/packed_generator.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "model/magnet/cpu_step_kernels.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

using PackedCase = std::tuple<const char*, SubcodesAttention>;

class PackedGenerator : public ::testing::TestWithParam<PackedCase> {
 protected:
  PackedGenerator() : fixture_(std::get<0>(GetParam()), std::get<1>(GetParam())) {
    const std::string folder = ::testing::TempDir() + "/packed_" + std::get<0>(GetParam());
    fixture_.WriteBundleTo(folder);
    auto packed = OpenPackedGenerator(folder, {}, std::make_unique<CpuStepKernels>());
    auto single = OpenGenerator(folder, {});
    EXPECT_TRUE(packed.ok()) << packed.status();
    EXPECT_TRUE(single.ok()) << single.status();
    packed_ = *std::move(packed);
    single_ = *std::move(single);
  }

  int num_codebooks() const { return packed_->config().lm.num_codebooks; }

  static std::unique_ptr<Generation> Begin(Generator& generator, const GenerationSpec& spec) {
    auto generation = generator.Begin(spec);
    EXPECT_TRUE(generation.ok()) << generation.status();
    return *std::move(generation);
  }

  // All clips in one batch; clip i joins at step 2 i, so that they are at different
  // stages.
  static std::vector<std::vector<int64_t>> Together(Generator& generator,
                                                    const std::vector<GenerationSpec>& specs) {
    std::vector<std::unique_ptr<Generation>> clips;
    for (const GenerationSpec& spec : specs) clips.push_back(Begin(generator, spec));
    for (size_t step = 0;; ++step) {
      std::vector<Generation*> batch;
      bool waiting = false;
      for (size_t i = 0; i < clips.size(); ++i) {
        waiting |= step < 2 * i;
        if (step >= 2 * i && !clips[i]->progress().done()) batch.push_back(clips[i].get());
      }
      if (batch.empty() && !waiting) break;
      for (const auto& status : generator.Step(batch)) EXPECT_TRUE(status.ok()) << status;
    }
    std::vector<std::vector<int64_t>> codes;
    for (const auto& clip : clips) codes.push_back(clip->codes());
    return codes;
  }

  // Kinds of requests that a batch may mix.
  std::map<std::string, GenerationSpec> MixedSpecs() const {
    std::map<std::string, GenerationSpec> specs;
    const auto add = [&](const std::string& name, double seconds) -> GenerationSpec& {
      GenerationSpec& spec = specs[name];
      spec.sections = {{0.0, {{"a slow piano ballad", 1.0}}}};
      spec.duration_seconds = seconds;
      spec.seed = specs.size();
      spec.sampling.decoding_steps.assign(static_cast<size_t>(num_codebooks()), 3);
      return spec;
    };
    add("plain", 1.0);
    add("greedy", 0.7).sampling.greedy = true;
    add("unconditional", 1.3).sections.clear();
    add("negative", 0.5).negative_prompt = "80s synth pop, bright drums";
    add("weighted", 0.9).sections[0].prompts = {
        {"a slow piano ballad", 2.0}, {"80s synth pop, bright drums", 1.0}, {"", 0.5}};
    add("top_k", 1.1).sampling.top_k = 5;
    specs["top_k"].sampling.top_p = 0;
    add("neither", 1.1).sampling.top_p = 0;
    add("stride1", 1.2).sampling.span_arrangement = SpanArrangement::kStride1;
    add("windows", 7.0);
    add("sections", 6.5).sections.push_back({3.0, {{"80s synth pop, bright drums", 1.0}}});
    GenerationSpec& given = add("given", 1.0);
    given.given_codes.num_frames = 48;
    given.given_codes.codes.assign(static_cast<size_t>(48 * num_codebooks()), 3);
    given.given_codes.regenerate = {{0.2, 0.5}};
    return specs;
  }

  ReferenceFixture fixture_;
  std::unique_ptr<Generator> packed_, single_;
};

INSTANTIATE_TEST_SUITE_P(Models, PackedGenerator,
                         ::testing::Combine(::testing::Values("magnet-tiny", "magnet-tiny-biased"),
                                            ::testing::Values(SubcodesAttention::kWindow,
                                                              SubcodesAttention::kCausal)));

TEST_P(PackedGenerator, EveryGreedyRunOfTheReferenceEqualsTokenByTokenInOneBatch) {
  std::vector<GenerationSpec> specs;
  std::vector<std::vector<int64_t>> wanted;
  std::vector<std::string> names;
  for (const auto& run : fixture_.expected()["runs"]) {
    if (!fixture_.IsStable(run)) continue;
    specs.push_back(fixture_.SpecOf(run));
    wanted.push_back(fixture_.TokensOf(run));
    names.push_back(run["name"]);
  }
  ASSERT_GE(specs.size(), 6u);
  const auto codes = Together(*packed_, specs);
  for (size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(codes[i], wanted[i]) << names[i];
}

TEST_P(PackedGenerator, EveryKindOfRequestInOneBatchEqualsAPassPerClip) {
  std::vector<GenerationSpec> specs;
  std::vector<std::string> names;
  for (const auto& [name, spec] : MixedSpecs()) {
    names.push_back(name);
    specs.push_back(spec);
  }
  const auto packed = Together(*packed_, specs), single = Together(*single_, specs);
  for (size_t i = 0; i < specs.size(); ++i) EXPECT_EQ(packed[i], single[i]) << names[i];
}

TEST_P(PackedGenerator, ProgressAndAudioAreThoseOfAPassPerClip) {
  const GenerationSpec spec = MixedSpecs()["plain"];
  const auto packed = Begin(*packed_, spec), single = Begin(*single_, spec);
  while (!single->progress().done()) {
    EXPECT_EQ(packed->next_step_rows(), single->next_step_rows());
    ASSERT_TRUE(packed_->Step({packed.get()})[0].ok());
    ASSERT_TRUE(single_->Step({single.get()})[0].ok());
    EXPECT_EQ(packed->progress().passes, single->progress().passes);
    EXPECT_EQ(packed->progress().steps_done, single->progress().steps_done);
  }
  const auto sound = packed_->DecodeAudio(*packed, 1000);
  ASSERT_TRUE(sound.ok()) << sound.status();
  EXPECT_EQ(*sound, *single_->DecodeAudio(*single, 1000));
}

}  // namespace
}  // namespace magnet
