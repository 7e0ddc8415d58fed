// The options of `magnet-model generate`. If these fail, an option is accepted and
// lost, or nonsense is accepted.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/cpu_features.h"
#include "tests/model/cli/magnet_model_program.h"

namespace magnet {
namespace {

constexpr int kCodebooks = 4, kFirstWindowFrames = 198;

class GenerationOptionsTest : public MagnetModelTest {
 protected:
  static std::string Generate(const std::string& options) {
    return "generate -q --device cpu -m " + Path("bundle") + " -o " + Path("o.wav") + " " + options;
  }

  static std::vector<int64_t> Codes(const std::string& options) {
    const std::string path = Path("codes.st");
    const bool chosen = options.find("--precision") != std::string::npos;
    const Outcome outcome = RunProgram(Generate(options) + " --save-codes " + path +
                                       (chosen ? "" : " --precision float32"));
    EXPECT_EQ(outcome.exit_code, 0) << options << "\n" << outcome.output;
    return outcome.exit_code == 0 ? SavedCodes(path) : std::vector<int64_t>();
  }
};

// 99 frames, drawn with a seed.
constexpr char kDrawn[] = "-p 'a slow piano ballad' --seed 1 --seconds 2 --steps 6,3,3,3 ";
// Two windows of the most probable tokens.
constexpr char kTwoWindows[] = "--greedy --seconds 6 --steps 3,2,2,2 ";

std::vector<int64_t> FirstWindow(const std::vector<int64_t>& codes) {
  const size_t frames = codes.size() / kCodebooks;
  std::vector<int64_t> first;
  for (int k = 0; k < kCodebooks; ++k) {
    const auto begin = codes.begin() + k * frames;
    first.insert(first.end(), begin, begin + std::min<size_t>(frames, kFirstWindowFrames));
  }
  return first;
}

// What was typed would be accepted and change nothing.
TEST_F(GenerationOptionsTest, EachChangesTheMusicAndNotItsLength) {
  const std::vector<int64_t> plain = Codes(kDrawn);
  ASSERT_EQ(plain.size(), kCodebooks * 99u);
  ASSERT_EQ(Codes(kDrawn), plain);
  for (const char* option :
       {"--negative-prompt '80s synth pop, bright drums'", "--top-k 5", "--top-p 0.3",
        "--temperature 0.5", "--no-temperature-annealing", "--span-score prod",
        "--span-score random", "--schedule paper", "--guidance 3,1", "--later-guidance 0",
        "--later-temperature 0.3", "--precision bfloat16", "--precision float16"}) {
    const std::vector<int64_t> changed = Codes(std::string(kDrawn) + option);
    EXPECT_EQ(changed.size(), plain.size()) << option;
    EXPECT_NE(changed, plain) << option;
  }
}

// What is said in other words, or only of how the work is done, would change the
// music. (Not so of threads: they may share sums out in another way.)
TEST_F(GenerationOptionsTest, SomeChangeNothing) {
  const std::string one_thread = std::string(kDrawn) + "--threads 1 ";
  const std::vector<int64_t> plain = Codes(one_thread);
  for (const char* option : {"--precision FLOAT32", "--schedule linspace", "--span-score max",
                             "--overlap 0.5", "--negative-prompt ''"}) {
    EXPECT_EQ(Codes(one_thread + option), plain) << option;
  }
  EXPECT_EQ(Codes("-p x --seconds 1 --steps 1,1,1,1 --threads 2").size(), kCodebooks * 48u);
}

// A machine would compute in a type that it has no instructions for, or not in the fastest.
TEST_F(GenerationOptionsTest, AutoTakesWhatTheCpuGainsBy) {
  const std::string one_thread = std::string(kDrawn) + "--threads 1 ";
  const std::string chosen = CpuHasAmxBFloat16() ? "bfloat16" : CpuHasAvx2() ? "int8" : "float32";
  EXPECT_EQ(Codes(one_thread + "--precision auto"), Codes(one_thread + "--precision " + chosen));
}

// The default's share would win over a number of tokens that was asked for.
TEST_F(GenerationOptionsTest, ATopKOfOneLeavesNothingToChance) {
  const std::string common = "-p drums --seconds 1 --steps 3,2,2,2 ";
  EXPECT_EQ(Codes(common + "--top-k 1 --seed 1"), Codes(common + "--top-k 1 --seed 2"));
  EXPECT_NE(Codes(common + "--seed 1"), Codes(common + "--seed 2"));
}

// A prompt would hold at another time than the one it was given.
TEST_F(GenerationOptionsTest, APromptHoldsFromItsTimeOn) {
  const std::string common = kTwoWindows, a = "'a slow piano ballad'";
  const auto only_a = Codes(common + "-p " + a);
  const auto then_b = Codes(common + "-p " + a + " --prompt-at '3:drums: loud'");
  EXPECT_EQ(FirstWindow(then_b), FirstWindow(only_a));
  EXPECT_NE(then_b, only_a);
  EXPECT_NE(then_b, Codes(common + "-p " + a + " --prompt-at 3:drums")) << "cut at a colon";
  EXPECT_EQ(then_b, Codes(common + "--prompt-at 0:" + a + " --prompt-at '3:drums: loud'"));
}

// Long clips would have the default's joints.
TEST_F(GenerationOptionsTest, TheOverlapMovesTheSecondWindow) {
  const std::string common = std::string(kTwoWindows) + "-p drums ";
  const auto quarter = Codes(common), half = Codes(common + "--overlap 0.5");
  EXPECT_EQ(FirstWindow(half), FirstWindow(quarter));
  EXPECT_NE(half, quarter);
  EXPECT_EQ(Codes(common + "--overlap 0.25"), quarter);
}

// Nonsense would be run, or the person would not learn which option it is in.
TEST_F(GenerationOptionsTest, NonsenseIsRefusedByName) {
  struct Case {
    const char* options;
    int exit_code;
    const char* part;
  };
  const std::vector<Case> cases = {
      {"-p x --negative-prompt \"$(printf '\\377')\"", 1, "negative_prompt: expected UTF-8"},
      {"-p x --tempo 100", 1, "tempo_bpm: expected none"},
      {"-p x --tempo 0", 2, "--tempo"},
      {"-p x --prompt-at drums", 1, "--prompt-at: expected SECONDS:TEXT, found \"drums\""},
      {"--prompt-at 3:drums", 1, "sections[0].start_seconds: expected 0"},
      {"-p x --prompt-at 30:drums", 1, "sections[1].start_seconds: expected less than"},
      {"-p x --overlap 0.95", 1, "overlap: expected 0.05 to 0.9, found 0.95"},
      {"-p x --overlap much", 2, "--overlap"},
      {"-p x --top-k 65", 1, "sampling.top_k: expected 0 to 64, found 65"},
      {"-p x --top-k -1", 1, "sampling.top_k"},
      {"-p x --top-k 5 --greedy", 2, "--top-k"},
      {"-p x --temperature 0", 1, "sampling.temperature"},
      {"-p x --temperature nan", 1, "sampling.temperature"},
      {"-p x --temperature 2 --greedy", 2, "--temperature"},
      {"-p x --neighbour-weight 1", 1, "neighbour_weight: expected 0, as this model has"},
      {"-p x --span-score mean", 2, "--span-score"},
      {"-p x --precision int4", 2, "--precision"},
      {"-p x --threads -1", 2, "--threads"},
      {"-p x --schedule odd", 2, "--schedule"},
  };
  for (const Case& c : cases) ExpectExit(Generate(c.options), c.exit_code, c.part);
}

}  // namespace
}  // namespace magnet
