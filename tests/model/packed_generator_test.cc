// Packed steps against a pass per clip, on the CPU: all that is decided about a
// batch is the same code on a GPU, which only brings other kernels. If one of these
// fails, a GPU makes other music than a CPU, or other music in company than alone.
#include "model/packed_generator.h"

#include <gtest/gtest.h>

#include <map>
#include <new>
#include <stdexcept>
#include <tuple>

#include "model/bundle.h"
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

// Breaks where a frame is not told what was drawn before it in its span, or is told so of a frame
// outside.
TEST_P(PackedGenerator, NeighbourTablesDecideWhatFollowsInsideASpan) {
  const std::string folder = ::testing::TempDir() + "/neighbours_" + std::get<0>(GetParam());
  fixture_.WriteBundleTo(folder);
  auto bundle = OpenBundle(folder);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const int card = bundle->config.lm.card;
  bundle->config.lm.neighbour_tables = 1;
  // After every code comes the next one.
  bundle->lm["neighbours"] = torch::eye(card).roll(1, /*dims=*/1).mul(1000).unsqueeze(0);
  ASSERT_TRUE(WriteBundle(*bundle, torch::kFloat, folder).ok());
  const auto packed = OpenPackedGenerator(folder, {}, std::make_unique<CpuStepKernels>());
  const auto single = OpenGenerator(folder, {});
  ASSERT_TRUE(packed.ok() && single.ok()) << packed.status() << single.status();
  std::vector<GenerationSpec> specs(2, MixedSpecs()["plain"]);
  specs[1].sampling.neighbour_weight = 1;
  const auto codes = Together(**single, specs);
  EXPECT_EQ(Together(**packed, specs), codes);
  // Share of a clip's frames whose code is the one after the code before: inside spans, or of
  // spans' first frames.
  const int span_len = bundle->config.lm.span_len;
  const auto follow = [&](const std::vector<int64_t>& clip, bool inside) {
    const int num_frames = static_cast<int>(std::ssize(clip)) / num_codebooks();
    int count = 0, all = 0;
    for (int t = 1; t < num_frames; ++t) {
      if ((t % span_len != 0) != inside) continue;
      ++all;
      count += clip[static_cast<size_t>(t)] == (clip[static_cast<size_t>(t) - 1] + 1) % card;
    }
    return static_cast<double>(count) / all;
  };
  EXPECT_EQ(follow(codes[1], true), 1.0);
  EXPECT_LT(follow(codes[1], false), 0.3) << "the frame before is of another span";
  EXPECT_LT(follow(codes[0], true), 0.3) << "no weight was asked for";
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

// Kernels that fail as a device does.
class FailingKernels : public CpuStepKernels {
 public:
  struct Plan {
    bool out_of_memory = false;  // while true
    bool broken = false;         // while true
    int bad_clip = -1;           // of a step: its logits are not finite
  };
  explicit FailingKernels(const Plan* plan) : plan_(plan) {}

  void Embed(const EmbedArgs& args) override {
    if (plan_->out_of_memory) throw std::bad_alloc();
    if (plan_->broken) throw std::runtime_error("the device fell off the bus");
    CpuStepKernels::Embed(args);
  }

  void Sample(const SampleArgs& args) override {
    CpuStepKernels::Sample(args);
    for (int i = 0; i < args.num_draws; ++i) {
      if (args.draws[i].settings == plan_->bad_clip) args.tokens[i].token = -1;
    }
  }

 private:
  const Plan* const plan_;
};

class PackedFailures : public ::testing::Test {
 protected:
  PackedFailures() {
    const std::string folder = ::testing::TempDir() + "/packed_failures";
    ReferenceFixture("magnet-tiny").WriteBundleTo(folder);
    auto opened = OpenPackedGenerator(folder, {}, std::make_unique<FailingKernels>(&plan_));
    EXPECT_TRUE(opened.ok()) << opened.status();
    generator_ = *std::move(opened);
    for (uint64_t seed : {1, 2}) {
      GenerationSpec spec;
      spec.duration_seconds = 0.5;
      spec.seed = seed;
      spec.sampling.decoding_steps = {2, 1, 1, 1};
      auto clip = generator_->Begin(spec);
      EXPECT_TRUE(clip.ok()) << clip.status();
      clips_.push_back(*std::move(clip));
      batch_.push_back(clips_.back().get());
    }
  }

  FailingKernels::Plan plan_;
  std::unique_ptr<Generator> generator_;
  std::vector<std::unique_ptr<Generation>> clips_;
  std::vector<Generation*> batch_;
};

// If this fails, a full GPU ends requests that a smaller batch would serve, or goes on
// with half a step.
TEST_F(PackedFailures, OutOfMemoryChangesNothing) {
  plan_.out_of_memory = true;
  for (const absl::Status& status : generator_->Step(batch_)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  }
  plan_.out_of_memory = false;
  while (!clips_[0]->progress().done()) {
    for (const absl::Status& status : generator_->Step(batch_)) ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(clips_[0]->progress().steps_done, 5);
}

TEST_F(PackedFailures, AnExceptionOfTheDeviceIsAStatusOfEveryClip) {
  plan_.broken = true;
  for (const absl::Status& status : generator_->Step(batch_)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_NE(status.message().find("fell off the bus"), absl::string_view::npos);
  }
}

// If this fails, one broken clip takes its batch with it.
TEST_F(PackedFailures, LogitsThatAreNotFiniteEndOnlyTheirClip) {
  plan_.bad_clip = 1;
  const auto statuses = generator_->Step(batch_);
  EXPECT_TRUE(statuses[0].ok()) << statuses[0];
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kInternal);
  EXPECT_EQ(clips_[0]->progress().steps_done, 1);
  EXPECT_EQ(clips_[1]->progress().steps_done, 0);
}

}  // namespace
}  // namespace magnet
