// magnet-model as a person runs it: the built program, its exit codes, its
// files and its messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>

#include "model/audio/audio_file.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit_code = 0;
  std::string output;  // stdout and stderr
};

Outcome RunProgram(const std::string& arguments) {
  const std::string line = std::string(MAGNET_MODEL_PROGRAM) + " " + arguments + " 2>&1";
  FILE* pipe = popen(line.c_str(), "r");
  Outcome outcome;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) outcome.output.append(buffer, n);
  outcome.exit_code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

class MagnetModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = ::testing::TempDir() + "/magnet_model_test";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const std::string source = TestdataPath("magnet-tiny");
    const Outcome outcome = RunProgram("convert --lm " + source + " --t5 " + source +
                                       "/t5 --license MIT --dtype float32 --out " + Path("bundle"));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  static std::string Path(const std::string& name) { return folder_ + "/" + name; }

  static std::string folder_;
};

std::string MagnetModel::folder_;

// Meta's checkpoints, converted and run from the command line, must give what
// audiocraft gives.
TEST_F(MagnetModel, ConvertedAndRunGreedilyGivesTheReferencesTokens) {
  const ReferenceFixture fixture("magnet-tiny", SubcodesAttention::kWindow);
  int compared = 0;
  for (const auto& run : fixture.expected()["runs"]) {
    const GenerationSpec spec = fixture.SpecOf(run);
    if (!fixture.IsStable(run)) continue;
    if (!spec.given_codes.empty()) continue;  // the program takes audio, not codes
    std::string steps;
    for (const int s : spec.sampling.decoding_steps) steps += "," + std::to_string(s);
    const std::string codes = Path("codes.safetensors");
    const Outcome outcome =
        RunProgram("generate -m " + Path("bundle") + " --greedy --seconds 4 -o " + Path("o.wav") +
                   " --prompt " + Quoted(spec.sections[0].prompts[0].text) + " --steps " +
                   steps.substr(1) + " --guidance " + std::to_string(spec.sampling.guidance_max) +
                   "," + std::to_string(spec.sampling.guidance_min) + " --span-arrangement " +
                   run["params"]["span_arrangement"].get<std::string>() + " --save-codes " + codes);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto saved = ReadSafetensors(codes);
    ASSERT_TRUE(saved.ok()) << saved.status();
    const torch::Tensor found = saved->tensors.at("codes").contiguous();
    EXPECT_EQ(
        std::vector<int64_t>(found.data_ptr<int64_t>(), found.data_ptr<int64_t>() + found.numel()),
        fixture.TokensOf(run))
        << run["name"];
    ++compared;
  }
  EXPECT_GE(compared, 4);
}

TEST_F(MagnetModel, ASeedGivesTheSameFile) {
  const std::string common =
      "generate -q -m " + Path("bundle") + " -p drums --seconds 1 --steps 2,2,2,2 ";
  ASSERT_EQ(RunProgram(common + "--seed 5 -o " + Path("a.wav")).exit_code, 0);
  ASSERT_EQ(RunProgram(common + "--seed 5 -o " + Path("b.wav")).exit_code, 0);
  ASSERT_EQ(RunProgram(common + "--seed 6 -o " + Path("c.wav")).exit_code, 0);
  const auto read = [&](const char* name) { return ReadAudioFile(Path(name))->samples; };
  EXPECT_EQ(read("a.wav"), read("b.wav"));
  EXPECT_NE(read("a.wav"), read("c.wav"));
}

TEST_F(MagnetModel, EncodesAndDecodesAudio) {
  const std::string common = " -m " + Path("bundle") + " ";
  ASSERT_EQ(
      RunProgram("generate -q --seconds 1 --steps 1,1,1,1 -p x -o " + Path("in.flac") + common)
          .exit_code,
      0);
  Outcome outcome =
      RunProgram("encode" + common + Path("in.flac") + " --save-codes " + Path("e.st"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  outcome = RunProgram("decode" + common + Path("e.st") + " -o " + Path("out.wav"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(ReadAudioFile(Path("out.wav"))->samples.size(), 48u * 640);
}

TEST_F(MagnetModel, ContinuesAndRegeneratesFiles) {
  const std::string common = " -m " + Path("bundle") + " --steps 2,1,1,1 -p x ";
  ASSERT_EQ(RunProgram("generate -q --seconds 2" + common + "-o " + Path("base.wav")).exit_code, 0);
  Outcome outcome = RunProgram("generate --continue-from " + Path("base.wav") + " --seconds 3" +
                               common + "-o " + Path("longer.wav"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  outcome = RunProgram("generate --from " + Path("base.wav") + " --regenerate 0.5-1.0" + common +
                       "-o " + Path("mended.wav"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(ReadAudioFile(Path("mended.wav"))->samples.size(),
            ReadAudioFile(Path("base.wav"))->samples.size());
}

TEST_F(MagnetModel, MakesAClipForEachLine) {
  std::ofstream(Path("prompts.txt")) << "piano\n\ndrums\n";
  const Outcome outcome =
      RunProgram("generate -m " + Path("bundle") + " --seconds 1 --steps 1,1,1,1 " + "--prompts " +
                 Path("prompts.txt") + " -o " + Path("many"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_TRUE(std::filesystem::exists(Path("many/001.wav")));
  EXPECT_TRUE(std::filesystem::exists(Path("many/002.wav")));
  EXPECT_FALSE(std::filesystem::exists(Path("many/003.wav")));
}

TEST_F(MagnetModel, MixesPrompts) {
  const std::string common = "generate -q --greedy --seconds 1 --steps 2,1,1,1 -m " +
                             Path("bundle") + " -p piano -o " + Path("m.wav");
  EXPECT_EQ(RunProgram(common + " -p drums --weights 2,1").exit_code, 0);
  const Outcome outcome = RunProgram(common + " --weights 2,1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("--weights: expected one for each of the 1 prompts"));
}

TEST_F(MagnetModel, InspectsAndTokenizes) {
  const Outcome inspected = RunProgram("inspect " + Path("bundle"));
  EXPECT_EQ(inspected.exit_code, 0);
  EXPECT_THAT(inspected.output, HasSubstr("4 codebooks of 64"));
  const Outcome tokens = RunProgram("tokenize -m " + Path("bundle") + " 'a slow piano'");
  EXPECT_EQ(tokens.exit_code, 0);
  EXPECT_THAT(tokens.output, HasSubstr("</s>"));
}

TEST_F(MagnetModel, ErrorsNameTheirCause) {
  const std::string bundle = " -m " + Path("bundle") + " ";
  const auto expect = [](const std::string& arguments, int code, const std::string& part) {
    const Outcome outcome = RunProgram(arguments);
    EXPECT_EQ(outcome.exit_code, code) << arguments << "\n" << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(part)) << arguments;
  };
  expect("generate", 2, "--model");
  expect("generate -m /no/such -p x -o " + Path("o.wav"), 1, "/no/such");
  expect("generate" + bundle + "-p x -o " + Path("o.mp7"), 1, "o.mp7");
  expect("generate" + bundle + "-p x --seconds 9999 -o " + Path("o.wav"), 1, "duration_seconds");
  expect("generate" + bundle + "-p x --top-p 2 -o " + Path("o.wav"), 1, "sampling.top_p");
  expect("generate" + bundle + "-p x --regenerate 1-2 -o " + Path("o.wav"), 1, "--regenerate");
  expect("generate" + bundle + "-p x --schedule odd -o " + Path("o.wav"), 2, "odd");
  expect(
      "decode" + bundle + TestdataPath("magnet-tiny/t5/model.safetensors") + " -o " + Path("o.wav"),
      1, "expected a tensor `codes`");
  expect("convert --lm " + TestdataPath("magnet-tiny") + " --t5 " + TestdataPath("magnet-tiny/t5") +
             " --out " + Path("x"),
         2, "--license");
}

}  // namespace
}  // namespace magnet
