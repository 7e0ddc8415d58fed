// Clips of a model that is told its beats: a reference model with tensors for them added.
#include <gtest/gtest.h>

#include "model/generator.h"
#include "model/magnet/cpu_step_kernels.h"
#include "model/packed_generator.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

constexpr char kBallad[] = "a slow piano ballad", kPop[] = "80s synth pop, bright drums";

class BeatsGeneration : public ::testing::Test {
 protected:
  BeatsGeneration() {
    const ReferenceFixture fixture("magnet-tiny", SubcodesAttention::kWindow);
    const std::string folder = ::testing::TempDir() + "/beats_generation";
    fixture.WriteBundleTo(folder + "/without");
    Bundle bundle = fixture.Import();
    AddBeats(bundle);
    std::filesystem::create_directories(folder + "/with");
    const absl::Status written = WriteBundle(bundle, torch::kFloat, folder + "/with");
    EXPECT_TRUE(written.ok()) << written;
    without_ = Open(OpenGenerator(folder + "/without", {}));
    with_ = Open(OpenGenerator(folder + "/with", {}));
    packed_ = Open(OpenPackedGenerator(folder + "/with", {}, std::make_unique<CpuStepKernels>()));
  }

  // A frame whose beat is not known is embedded as it was before.
  static void AddBeats(Bundle& bundle) {
    LmConfig& lm = bundle.config.lm;
    lm.beats = BeatConfig{.max_beats_per_bar = 4};
    torch::manual_seed(8);
    torch::Tensor embeddings = torch::randn({lm.beats->num_ticks() + 1, lm.dim}) * 2;
    embeddings[lm.beats->no_tick_id()].zero_();
    bundle.lm["beats.emb.weight"] = embeddings;
    bundle.lm["beats.head.weight"] = torch::randn({lm.beats->num_tempos() + 4, lm.text_dim});
  }

  static std::unique_ptr<Generator> Open(absl::StatusOr<std::unique_ptr<Generator>> opened) {
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  static GenerationSpec Spec(const std::vector<WeightedPrompt>& prompts, double seconds = 1) {
    GenerationSpec spec;
    spec.sections = {{0.0, prompts}};
    spec.duration_seconds = seconds;
    spec.sampling.greedy = true;
    spec.sampling.decoding_steps = {2, 2, 2, 2};
    return spec;
  }

  static std::vector<int64_t> Codes(Generator& generator, const GenerationSpec& spec) {
    const auto generation = generator.Begin(spec);
    EXPECT_TRUE(generation.ok()) << generation.status();
    while (!(*generation)->progress().done()) {
      const auto statuses = generator.Step({generation->get()});
      EXPECT_TRUE(statuses[0].ok()) << statuses[0];
      if (!statuses[0].ok()) break;
    }
    return (*generation)->codes();
  }

  std::unique_ptr<Generator> without_, with_, packed_;
};

// Breaks where the beats that a text tells do not reach the frames.
TEST_F(BeatsGeneration, ATextSetsTheBeats) {
  EXPECT_NE(Codes(*with_, Spec({{kBallad, 1}})), Codes(*without_, Spec({{kBallad, 1}})));
}

// Breaks where the number of prompts or the size of their weights moves the tempo.
TEST_F(BeatsGeneration, APromptTwiceIsThePromptOnce) {
  EXPECT_EQ(Codes(*with_, Spec({{kBallad, 2}, {kBallad, 5}})), Codes(*with_, Spec({{kBallad, 1}})));
}

// Breaks where clips are given beats that nothing tells: without a text, and beside audio
// whose beats are not known.
TEST_F(BeatsGeneration, WhereNothingTellsBeatsNoneAreGiven) {
  GenerationSpec given = Spec({{kPop, 1}});
  given.given_codes = {
      .num_frames = 24, .codes = std::vector<int64_t>(4 * 24, 3), .regenerate = {}};
  for (const GenerationSpec& spec : {Spec({}), Spec({{"", 1}}), given}) {
    EXPECT_EQ(Codes(*with_, spec), Codes(*without_, spec));
  }
}

// Breaks where a batch on a GPU plays other beats than a pass per clip does.
TEST_F(BeatsGeneration, PackedStepsHaveTheSameBeats) {
  GenerationSpec sections = Spec({{kBallad, 1}}, /*seconds=*/6.5);
  sections.sections.push_back({3.0, {{kPop, 1}}});
  for (const GenerationSpec& spec : {Spec({{kBallad, 1}}), Spec({}), sections}) {
    EXPECT_EQ(Codes(*packed_, spec), Codes(*with_, spec));
  }
}

}  // namespace
}  // namespace magnet
