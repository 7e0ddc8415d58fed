// magnet-model as a person runs it: the built program, its exit codes, its
// files and its messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/audio/audio_file.h"
#include "model/encodec/encodec_model.h"
#include "model/precision.h"
#include "tests/model/cli/magnet_model_program.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

class MagnetModel : public MagnetModelTest {};

using ParityCase = std::tuple<const char*, SubcodesAttention>;

class ConvertedModel : public MagnetModelTest, public ::testing::WithParamInterface<ParityCase> {};

INSTANTIATE_TEST_SUITE_P(Models, ConvertedModel,
                         ::testing::Combine(::testing::Values("magnet-tiny", "magnet-tiny-biased"),
                                            ::testing::Values(SubcodesAttention::kWindow,
                                                              SubcodesAttention::kCausal)));

// The options that say what a run of the reference was told.
std::string OptionsOf(const GenerationSpec& spec) {
  const SamplingSpec& sampling = spec.sampling;
  const bool blocks = sampling.span_arrangement == SpanArrangement::kNonoverlap;
  return absl::StrCat(" --greedy --seconds ", spec.duration_seconds, " --prompt ",
                      Quoted(spec.sections[0].prompts[0].text), " --steps ",
                      absl::StrJoin(sampling.decoding_steps, ","), " --guidance ",
                      sampling.guidance_max, ",", sampling.guidance_min, " --span-arrangement ",
                      blocks ? "nonoverlap" : "stride1");
}

// Meta's checkpoints, converted and run from the command line, must give what
// audiocraft gives, with either of its back ends.
TEST_P(ConvertedModel, RunGreedilyGivesTheReferencesTokens) {
  const auto [name, attention] = GetParam();
  const bool causal = attention == SubcodesAttention::kCausal;
  const ReferenceFixture fixture(name, attention);
  Convert(name, causal ? "--subcodes-attention causal" : "", "model");
  const std::string codes = Path("codes.safetensors");
  int compared = 0;
  for (const auto& run : fixture.expected()["runs"]) {
    const GenerationSpec spec = fixture.SpecOf(run);
    if (!fixture.IsStable(run)) continue;
    if (!spec.given_codes.empty()) continue;  // the program takes audio, not codes
    const Outcome outcome =
        RunProgram("generate --device cpu -m " + Path("model") + " -o " + Path("o.wav") +
                   " --precision float32 --save-codes " + codes + OptionsOf(spec));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_EQ(SavedCodes(codes), fixture.TokensOf(run)) << run["name"];
    ++compared;
  }
  EXPECT_GE(compared, causal ? 5 : 4);
}

// Who notes a seed would not get the music back.
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

// Who chooses a precision would choose by wrong figures, or by none.
TEST_F(MagnetModel, PrecisionsTellsTimesAndTokensOfAllThatTheCpuHas) {
  const std::string common = "precisions --seconds 1 --repeats 2 -m " + Path("bundle");
  const Outcome told = RunProgram(common + " -p drums -p 'a slow piano' --json");
  ASSERT_EQ(told.exit_code, 0) << told.output;
  const auto report = nlohmann::json::parse(told.output);
  EXPECT_EQ(report["auto"], NameOf(FastestOnCpu()));
  ASSERT_EQ(report["precisions"].size(), PrecisionsOfCpu().size());
  for (const auto& found : report["precisions"]) {
    EXPECT_EQ(found["seconds"].size(), 2u);
    const auto same = found["same_tokens"].get<std::vector<double>>();
    ASSERT_EQ(same.size(), 4u);
    const bool exact = found["precision"] == "float32";
    for (const double share : same) {
      EXPECT_LE(share, 1.0);
      EXPECT_GE(share, exact ? 1.0 : 0.6);
    }
  }
  const Outcome table = RunProgram(common);
  EXPECT_THAT(table.output, HasSubstr("float32 "));
  EXPECT_THAT(table.output, HasSubstr("auto takes " + NameOf(FastestOnCpu())));
  ExpectExit("precisions -m " + Path("none"), 1, "none");
  ExpectExit(common + " --repeats 0", 2, "--repeats");
}

// The longest clip would be decided by the program and not by its owner.
TEST_F(MagnetModel, TheLongestClipCanBeChosen) {
  const std::string common = "generate -q -m " + Path("bundle") +
                             " -p x --seconds 1.6 --steps 1,1,1,1 -o " + Path("l.wav");
  ASSERT_EQ(RunProgram(common + " --max-seconds 1.6").exit_code, 0);
  ExpectExit(common + " --max-seconds 1.5", 1,
             "duration_seconds: expected 0.06 to 1.5 seconds, found 1.6");
}

// Sound would not survive a visit to its codes.
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

// The end of a file would be missing in its codes.
TEST_F(MagnetModel, EncodesABegunLastFrame) {
  std::vector<float> samples(33'000);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = 0.5f * std::sin(1e-6f * i * i);
  ASSERT_TRUE(WriteAudioFile(Path("odd.wav"), samples, 32'000).ok());
  const Outcome outcome = RunProgram("encode -m " + Path("bundle") + " " + Path("odd.wav") +
                                     " --save-codes " + Path("odd.st"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("52 frames"));

  const auto bundle = OpenBundle(Path("bundle"));
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EncodecModel codec(bundle->config.codec);
  codec->eval();
  ASSERT_TRUE(LoadModule(bundle->codec, "codec", *codec).ok());
  const torch::Tensor wave = torch::tensor(ReadAudioFile(Path("odd.wav"))->samples);
  const torch::Tensor wanted = codec->Encode(wave.view({1, 1, -1})).contiguous();
  ASSERT_EQ(wanted.size(2), 52);
  const auto* const first = wanted.data_ptr<int64_t>();
  EXPECT_EQ(SavedCodes(Path("odd.st")), std::vector<int64_t>(first, first + wanted.numel()));
}

// A codec may have been converted with more codebooks than the language model has:
// what that model makes and saves could not be heard.
TEST_F(MagnetModel, DecodesFewerCodebooksThanTheCodecHas) {
  Bundle bundle = ReferenceFixture("magnet-tiny").Import();
  bundle.config.lm.num_codebooks = 3;
  bundle.config.sampling.decoding_steps = {2, 1, 1};
  bundle.lm.erase("emb.3.weight");
  bundle.lm.erase("linears.3.weight");
  std::filesystem::create_directories(Path("three"));
  ASSERT_TRUE(WriteBundle(bundle, torch::kFloat, Path("three")).ok());
  const std::string codes = Path("three.st");
  Outcome outcome = RunProgram("generate --device cpu -m " + Path("three") +
                               " -p x --seconds 2 --save-codes " + codes + " -o " + Path("g.wav"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  outcome = RunProgram("decode -m " + Path("three") + " " + codes + " -o " + Path("d.wav"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(ReadAudioFile(Path("d.wav"))->samples, ReadAudioFile(Path("g.wav"))->samples);
}

// Codes of another model would be heard as noise, or end in the tensor library.
TEST_F(MagnetModel, DecodesNoOtherShape) {
  const auto expect_refused = [](std::vector<int64_t> shape, const std::string& found) {
    const std::string path = Path("shape.st");
    ASSERT_TRUE(WriteSafetensors({{"codes", torch::zeros(shape, torch::kLong)}}, {}, path).ok());
    ExpectExit("decode -m " + Path("bundle") + " " + path + " -o " + Path("o.wav"), 1,
               path + ": `codes`: expected int64 [1 to 4, at least 1], found " + found);
  };
  expect_refused({5, 7}, "Long [5, 7]");
  expect_refused({0, 7}, "Long [0, 7]");
  expect_refused({4, 0}, "Long [4, 0]");
  expect_refused({7}, "Long [7]");
}

// Music that exists already could not be worked on.
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

// A clip is cut to whole spans: a part beyond the cut would be reported as made
// anew, and nothing would be.
TEST_F(MagnetModel, RefusesToRegenerateWhatTheClipLeavesOut) {
  ASSERT_TRUE(WriteAudioFile(Path("ten.wav"), std::vector<float>(320'000, 0.1f), 32'000).ok());
  const std::string common = "generate -q -p x --steps 1,1,1,1 -m " + Path("bundle") + " --from " +
                             Path("ten.wav") + " -o " + Path("o.wav") + " --regenerate ";
  ExpectExit(common + "9.97-10", 1,
             "given_audio.regenerate[0].start_seconds: expected at least 0 and less than the end "
             "of the given part in the clip's 498 frames (9.96), found 9.97");
  ExpectExit(common + "9.95-10", 0, "");
}

// A file of prompts would have to be fed line by line.
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

// Two prompts with weights would be one, or an error.
TEST_F(MagnetModel, MixesPrompts) {
  const std::string common = "generate -q --greedy --seconds 1 --steps 2,1,1,1 -m " +
                             Path("bundle") + " -p piano -o " + Path("m.wav");
  EXPECT_EQ(RunProgram(common + " -p drums --weights 2,1").exit_code, 0);
  const Outcome outcome = RunProgram(common + " --weights 2,1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("--weights: expected one for each of the 1 prompts"));
}

// What a model is could not be told from its folder.
TEST_F(MagnetModel, InspectsAndTokenizes) {
  const Outcome inspected = RunProgram("inspect " + Path("bundle"));
  EXPECT_EQ(inspected.exit_code, 0);
  EXPECT_THAT(inspected.output, HasSubstr("4 codebooks of 64"));
  const Outcome tokens = RunProgram("tokenize -m " + Path("bundle") + " 'a slow piano'");
  EXPECT_EQ(tokens.exit_code, 0);
  EXPECT_THAT(tokens.output, HasSubstr("</s>"));
}

// A person would take a model that sees the past only for one that sees around.
TEST_F(MagnetModel, InspectTellsWhatLaterStagesSee) {
  const auto expect_seen = [](const LmConfig& lm, const std::string& seen) {
    Bundle bundle = ReferenceFixture("magnet-tiny").Import();
    bundle.config.lm = lm;
    std::filesystem::create_directories(Path("seen"));
    ASSERT_TRUE(WriteBundle(bundle, torch::kFloat, Path("seen")).ok());
    ExpectExit("inspect " + Path("seen"), 0, "later stages see " + seen + "\n");
  };
  LmConfig lm = ReferenceFixture("magnet-tiny").Import().config.lm;
  expect_seen(lm, "the past only");
  lm.subcodes_attention = SubcodesAttention::kWindow;
  expect_seen(lm, "+-5 frames");
  lm.subcodes_context = -1;
  expect_seen(lm, "all frames");
}

// Nobody would know what to type instead.
TEST_F(MagnetModel, ErrorsNameTheirCause) {
  const std::string bundle = " -m " + Path("bundle") + " ";
  ExpectExit("generate", 2, "--model");
  ExpectExit("generate -m /no/such -p x -o " + Path("o.wav"), 1, "/no/such");
  ExpectExit("generate" + bundle + "-p x -o " + Path("o.mp7"), 1, "o.mp7");
  ExpectExit("generate" + bundle + "-p x --seconds 9999 -o " + Path("o.wav"), 1,
             "duration_seconds");
  ExpectExit("generate" + bundle + "-p x --top-p 2 -o " + Path("o.wav"), 1, "sampling.top_p");
  ExpectExit("generate" + bundle + "-p x --regenerate 1-2 -o " + Path("o.wav"), 1, "--regenerate");
  ExpectExit("generate" + bundle + "-p x --schedule odd -o " + Path("o.wav"), 2, "odd");
  ExpectExit(
      "decode" + bundle + TestdataPath("magnet-tiny/t5/model.safetensors") + " -o " + Path("o.wav"),
      1, "expected a tensor `codes`");
  ExpectExit("convert --lm " + TestdataPath("magnet-tiny") + " --t5 " +
                 TestdataPath("magnet-tiny/t5") + " --out " + Path("x"),
             2, "--license");
}

}  // namespace
}  // namespace magnet
