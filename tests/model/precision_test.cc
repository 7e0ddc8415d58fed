// The engine in types of few bits, on a CPU. If one of these fails, `--precision` or
// `convert --dtype` makes other music than the model's, or none.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/cpu_features.h"
#include "model/generator.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

const std::string kPiano = "a slow piano ballad", kSynth = "80s synth pop, bright drums";

class PrecisionTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const Bundle& bundle, torch::Dtype dtype) {
    const std::string folder = ::testing::TempDir() + "/precision_test_" + name;
    const absl::Status written = WriteBundle(bundle, dtype, folder);
    EXPECT_TRUE(written.ok()) << written;
    return folder;
  }

  static std::unique_ptr<Generator> Open(const std::string& folder, Precision precision) {
    auto generator = OpenGenerator(folder, {.precision = precision, .limits = {}});
    EXPECT_TRUE(generator.ok()) << generator.status();
    return *std::move(generator);
  }

  // One pass a stage: no step builds on what rounding made of the one before, in its
  // codebook.
  static GenerationSpec Spec(std::vector<WeightedPrompt> prompts) {
    GenerationSpec spec;
    spec.sections = {{0.0, std::move(prompts)}};
    spec.duration_seconds = 4.0;
    spec.sampling.greedy = true;
    spec.sampling.decoding_steps = {1, 1, 1, 1};
    return spec;
  }

  static std::vector<int64_t> Codes(Generator& generator, const GenerationSpec& spec) {
    const auto generation = generator.Begin(spec);
    EXPECT_TRUE(generation.ok()) << generation.status();
    while (!(*generation)->progress().done()) {
      const absl::Status status = generator.Step({generation->get()})[0];
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) return {};
    }
    const auto samples = generator.DecodeAudio(**generation, (*generation)->progress().num_frames);
    EXPECT_TRUE(samples.ok()) << samples.status();
    EXPECT_EQ(static_cast<int64_t>(samples->size()), (*generation)->num_samples());
    return (*generation)->codes();
  }

  static double Share(const std::vector<int64_t>& codes, const std::vector<int64_t>& wanted) {
    EXPECT_EQ(codes.size(), wanted.size());
    size_t same = 0;
    for (size_t i = 0; i < codes.size(); ++i) same += codes[i] == wanted[i];
    return static_cast<double>(same) / static_cast<double>(wanted.size());
  }

  // The share of tokens that a model with one mistake still has: its first two layers
  // have each other's feed-forward.
  double ShareOfAWrongModel(const GenerationSpec& spec, const std::vector<int64_t>& wanted) {
    Bundle wrong = bundle_;
    for (const std::string name : {"linear1.weight", "linear2.weight"}) {
      std::swap(wrong.lm.at("transformer.layers.0." + name),
                wrong.lm.at("transformer.layers.1." + name));
    }
    const std::string folder = Write("wrong", wrong, torch::kFloat);
    return Share(Codes(*Open(folder, Precision::kFloat32), spec), wanted);
  }

  void ExpectNearlyAllTokens(const std::string& what, double share, double share_of_wrong) {
    std::printf("%s: %.3f of the tokens are float32's, of a wrong model %.3f\n", what.c_str(),
                share, share_of_wrong);
    EXPECT_GT(share, (1 + share_of_wrong) / 2) << what;
  }

  const Bundle bundle_ = ReferenceFixture("magnet-tiny").Import();
  const std::string folder_ = Write("float32", bundle_, torch::kFloat);
};

// If it fails: arithmetic of few bits is another function, not a rounder one.
TEST_F(PrecisionTest, HalfPrecisionsChooseNearlyAllTokensOfFloat32) {
  const GenerationSpec spec = Spec({{kPiano, 1.0}});
  const auto wanted = Codes(*Open(folder_, Precision::kFloat32), spec);
  const double wrong = ShareOfAWrongModel(spec, wanted);
  const auto share = [&](Precision precision) {
    return Share(Codes(*Open(folder_, precision), spec), wanted);
  };
  ExpectNearlyAllTokens("bfloat16", share(Precision::kBFloat16), wrong);
  ExpectNearlyAllTokens("float16", share(Precision::kFloat16), wrong);
  if (CpuHasAvx2()) ExpectNearlyAllTokens("int8", share(Precision::kInt8), wrong);
}

// If it fails: a server says that it computes in another type than it does.
TEST_F(PrecisionTest, AGeneratorSaysWhatItComputesIn) {
  for (const Precision precision : PrecisionsOfCpu()) {
    EXPECT_EQ(Open(folder_, precision)->arithmetic().precision, NameOf(precision));
  }
  const Arithmetic by_auto = Open(folder_, Precision::kAuto)->arithmetic();
  EXPECT_EQ(by_auto.precision, NameOf(FastestOnCpu()));
  EXPECT_EQ(by_auto.device, "CPU");
}

// If it fails: a clip of many steps does not finish in these types.
TEST_F(PrecisionTest, HalfPrecisionsFinishASampledClip) {
  GenerationSpec spec = Spec({{kPiano, 1.0}});
  spec.duration_seconds = 1.0;
  spec.sampling.greedy = false;
  spec.sampling.decoding_steps = {4, 2, 2, 2};
  for (const Precision precision : {Precision::kBFloat16, Precision::kFloat16}) {
    EXPECT_FALSE(Codes(*Open(folder_, precision), spec).empty());
  }
}

// If it fails: a model converted to half the size cannot be used, or was damaged.
TEST_F(PrecisionTest, FilesOfHalfPrecisionsChooseNearlyAllTokensOfFloat32) {
  const GenerationSpec spec = Spec({{kPiano, 1.0}});
  const auto wanted = Codes(*Open(folder_, Precision::kFloat32), spec);
  const double wrong = ShareOfAWrongModel(spec, wanted);
  for (const auto dtype : {torch::kBFloat16, torch::kHalf}) {
    const std::string name = std::string("file of ") + torch::toString(dtype);
    const std::string folder = Write(torch::toString(dtype), bundle_, dtype);
    const auto codes = Codes(*Open(folder, Precision::kFloat32), spec);
    ExpectNearlyAllTokens(name, Share(codes, wanted), wrong);
  }
}

// If it fails: weights mean other shares in one type than in another, for rounding takes
// the ratio of large numbers' logarithms away.
TEST_F(PrecisionTest, OnlyTheRatioOfWeightsCounts) {
  for (const Precision precision :
       {Precision::kFloat32, Precision::kBFloat16, Precision::kFloat16}) {
    const auto generator = Open(folder_, precision);
    const auto codes = [&](double piano, double synth) {
      return Codes(*generator, Spec({{kPiano, piano}, {kSynth, synth}}));
    };
    EXPECT_EQ(codes(1e30, 2e30), codes(1, 2));
    EXPECT_EQ(codes(1e-30, 2e-30), codes(1, 2));
    EXPECT_NE(codes(1, 2), codes(2, 1)) << "weights have no effect: the checks above prove nothing";
    EXPECT_FALSE(codes(1e-300, 1e300).empty());
  }
}

}  // namespace
}  // namespace magnet
