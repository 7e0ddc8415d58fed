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
    fixture.WriteBundleTo(folder_ + "/without");
    Bundle bundle = fixture.Import();
    AddBeats(bundle);
    std::filesystem::create_directories(folder_ + "/with");
    const absl::Status written = WriteBundle(bundle, torch::kFloat, folder_ + "/with");
    EXPECT_TRUE(written.ok()) << written;
    without_ = Open(OpenGenerator(folder_ + "/without", {}));
    with_ = Open(OpenGenerator(folder_ + "/with", {}));
    packed_ = Open(OpenPackedGenerator(folder_ + "/with", {}, std::make_unique<CpuStepKernels>()));
  }

  // A frame whose beat is not known is embedded as it was before.
  static void AddBeats(Bundle& bundle) {
    LmConfig& lm = bundle.config.lm;
    lm.beats = BeatConfig{.max_beats_per_bar = 4};
    torch::manual_seed(8);
    torch::Tensor embeddings = torch::randn({lm.beats->num_ticks() + 1, lm.dim}) * 2;
    embeddings[lm.beats->no_tick_id()].zero_();
    bundle.lm["beats.emb.weight"] = embeddings;
    bundle.lm["beats.query.weight"] = torch::randn({2, lm.text_dim});
    bundle.lm["beats.head.weight"] = torch::randn({lm.beats->num_tempos() + 4, lm.text_dim});
  }

  static std::unique_ptr<Generator> Open(absl::StatusOr<std::unique_ptr<Generator>> opened) {
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  static GenerationSpec Spec(const std::vector<WeightedPrompt>& prompts, double seconds = 1) {
    GenerationSpec spec;
    if (!prompts.empty()) spec.sections = {{0.0, prompts}};
    spec.duration_seconds = seconds;
    spec.sampling.greedy = true;
    spec.sampling.decoding_steps = {2, 2, 2, 2};
    return spec;
  }

  static std::unique_ptr<Generation> Generate(Generator& generator, const GenerationSpec& spec) {
    auto generation = generator.Begin(spec);
    EXPECT_TRUE(generation.ok()) << generation.status();
    while (!(*generation)->progress().done()) {
      const auto statuses = generator.Step({generation->get()});
      EXPECT_TRUE(statuses[0].ok()) << statuses[0];
      if (!statuses[0].ok()) break;
    }
    return *std::move(generation);
  }

  static std::vector<int64_t> Codes(Generator& generator, const GenerationSpec& spec) {
    return Generate(generator, spec)->codes();
  }

  static std::vector<TempoChange> Tempos(Generator& generator, const GenerationSpec& spec) {
    return Generate(generator, spec)->tempos();
  }

  // The tempo with which `spec` gives the codes that it gives without one.
  double TempoThatIsHeard(GenerationSpec spec) {
    const std::vector<int64_t> codes = Codes(*with_, spec);
    const BeatConfig beats = *with_->config().lm.beats;
    for (int frames = beats.min_frames_per_beat; frames <= beats.max_frames_per_beat; ++frames) {
      spec.tempo_bpm = 3000.0 / frames;
      if (Codes(*with_, spec) == codes) return spec.tempo_bpm;
    }
    ADD_FAILURE() << "no tempo is heard";
    return 0;
  }

  const std::string folder_ = ::testing::TempDir() + "/beats_generation";
  std::unique_ptr<Generator> without_, with_, packed_;
};

// Breaks where the beats that a text tells do not reach the frames.
TEST_F(BeatsGeneration, ATextSetsTheBeats) {
  EXPECT_NE(Codes(*with_, Spec({{kBallad, 1}})), Codes(*without_, Spec({{kBallad, 1}})));
}

// Breaks where the number of prompts or the size of their weights moves the tempo.
TEST_F(BeatsGeneration, APromptTwiceIsThePromptOnce) {
  EXPECT_EQ(Codes(*with_, Spec({{kBallad, 2}, {kBallad, 5}})), Codes(*with_, Spec({{kBallad, 1}})));
  for (const double weight : {1e39, 1e-50}) {
    EXPECT_EQ(Codes(*with_, Spec({{kBallad, weight}})), Codes(*with_, Spec({{kBallad, 1}})));
  }
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

// Breaks where the number in a prompt is left to what a small model makes of it.
TEST_F(BeatsGeneration, ATempoThatAPromptNamesIsPlayed) {
  const auto codes = [&](const std::string& text, double tempo_bpm) {
    GenerationSpec spec = Spec({{text, 1}});
    spec.tempo_bpm = tempo_bpm;
    return Codes(*with_, spec);
  };
  EXPECT_EQ(codes("a ballad, 100 bpm", 0), codes("a ballad, 100 bpm", 100));
  EXPECT_NE(codes("a ballad, 100 bpm", 0), codes("a ballad, 100 bpm", 60)) << "the request wins";
  EXPECT_EQ(codes("a ballad, 9000 bpm", 0), codes("a ballad, 9000 bpm", 0)) << "nobody plays it";
  GenerationSpec two = Spec({{"a ballad, 100 bpm", 1}, {"drums, 60 bpm", 3}}), slow = two;
  slow.tempo_bpm = 60;
  EXPECT_EQ(Codes(*with_, two), Codes(*with_, slow)) << "of the heavier prompt";
}

// Breaks where the tempo of a request is not the one that is played.
TEST_F(BeatsGeneration, ATempoOfTheRequestWinsOverTheText) {
  GenerationSpec slow = Spec({{kBallad, 1}}), fast = slow, silent = Spec({});
  slow.tempo_bpm = 3000.0 / 60;
  fast.tempo_bpm = 3000.0 / 20;
  silent.tempo_bpm = fast.tempo_bpm;
  EXPECT_NE(Codes(*with_, slow), Codes(*with_, fast));
  EXPECT_NE(Codes(*with_, silent), Codes(*with_, Spec({}))) << "no text is needed";
  GenerationSpec nearly = fast;
  nearly.tempo_bpm = 3000.0 / 20.4;
  EXPECT_EQ(Codes(*with_, nearly), Codes(*with_, fast)) << "to whole frames of a beat";
}

// Breaks where a client is told another tempo than the one that is played, or from another time.
TEST_F(BeatsGeneration, TheTemposThatArePlayedAreReported) {
  GenerationSpec spec = Spec({{"a ballad, 100 bpm", 1}}, /*seconds=*/10);
  spec.sections.push_back({3.5, {{"", 1}}});
  spec.sections.push_back({6.5, {{"a ballad, 60 bpm", 1}}});
  const std::vector<TempoChange> tempos = Tempos(*with_, spec);
  ASSERT_EQ(tempos.size(), 3u);
  EXPECT_EQ(tempos[0].start_seconds, 0);
  EXPECT_EQ(tempos[0].bpm, 100);
  EXPECT_GE(tempos[0].beats_per_bar, 1);
  EXPECT_DOUBLE_EQ(tempos[1].start_seconds, 198 / 50.0) << "the second window's first new frame";
  EXPECT_EQ(tempos[1].bpm, 0) << "without a prompt none is known";
  EXPECT_DOUBLE_EQ(tempos[2].start_seconds, 345 / 50.0);
  EXPECT_EQ(tempos[2].bpm, 60);

  GenerationSpec own = Spec({{"a ballad, 100 bpm", 1}});
  own.tempo_bpm = 3000.0 / 20.4;
  ASSERT_EQ(Tempos(*with_, own).size(), 1u);
  EXPECT_EQ(Tempos(*with_, own)[0].bpm, 150) << "the request's, as it is rounded";
  EXPECT_EQ(Tempos(*with_, Spec({})), std::vector<TempoChange>());
  EXPECT_EQ(Tempos(*without_, Spec({{kBallad, 1}})), std::vector<TempoChange>());
}

// Breaks where types of few bits hear another tempo in the same text.
TEST_F(BeatsGeneration, AreTheSameInEveryPrecision) {
  for (const char* text : {kBallad, kPop}) {
    const GenerationSpec spec = Spec({{text, 1}});
    GenerationSpec told = spec, other = spec;
    told.tempo_bpm = TempoThatIsHeard(spec);
    other.tempo_bpm = told.tempo_bpm > 120 ? 60 : 150;
    for (const Precision precision : {Precision::kBFloat16, Precision::kFloat16}) {
      const auto generator =
          Open(OpenGenerator(folder_ + "/with", {.precision = precision, .limits = {}}));
      EXPECT_EQ(Codes(*generator, spec), Codes(*generator, told)) << text;
      EXPECT_NE(Codes(*generator, spec), Codes(*generator, other)) << "all tempos are one";
    }
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
