// The whole engine against the reference: if one of these fails, a released
// model no longer makes the music that audiocraft makes with it.
#include <gtest/gtest.h>

#include <tuple>

#include "model/condition_builder.h"
#include "model/generator.h"
#include "model/magnet/sampler.h"
#include "model/magnet/transformer.h"
#include "tests/testing/reference_fixture.h"

namespace magnet {
namespace {

using ParityCase = std::tuple<const char*, SubcodesAttention>;

class GeneratorParity : public ::testing::TestWithParam<ParityCase> {
 protected:
  GeneratorParity() : fixture_(std::get<0>(GetParam()), std::get<1>(GetParam())) {}

  std::unique_ptr<Generator> Open() {
    const std::string folder = ::testing::TempDir() + "/parity_" + std::get<0>(GetParam());
    fixture_.WriteBundleTo(folder);
    auto generator = OpenGenerator(folder, {});
    EXPECT_TRUE(generator.ok()) << generator.status();
    return *std::move(generator);
  }

  ReferenceFixture fixture_;
};

INSTANTIATE_TEST_SUITE_P(Models, GeneratorParity,
                         ::testing::Combine(::testing::Values("magnet-tiny", "magnet-tiny-biased"),
                                            ::testing::Values(SubcodesAttention::kWindow,
                                                              SubcodesAttention::kCausal)));

std::vector<float> Finish(Generator& generator, Generation& generation) {
  std::vector<float> samples;
  while (!generation.progress().done()) {
    const absl::Status status = generator.Step({&generation})[0];
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) break;
    while (generation.progress().frames_decoded < generation.progress().frames_ready) {
      const auto chunk = generator.DecodeAudio(generation, 17);
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      samples.insert(samples.end(), chunk->begin(), chunk->end());
    }
  }
  return samples;
}

TEST_P(GeneratorParity, EveryGreedyRunEqualsTokenByToken) {
  const auto generator = Open();
  ASSERT_EQ(fixture_.expected()["runs"].size(), 7u);
  const bool causal = std::get<1>(GetParam()) == SubcodesAttention::kCausal;
  int compared = 0;
  for (const auto& run : fixture_.expected()["runs"]) {
    SCOPED_TRACE(run["name"].get<std::string>());
    if (!fixture_.IsStable(run)) continue;
    ++compared;
    auto generation = generator->Begin(fixture_.SpecOf(run));
    ASSERT_TRUE(generation.ok()) << generation.status();
    const std::vector<float> samples = Finish(*generator, **generation);
    EXPECT_EQ((*generation)->codes(), fixture_.TokensOf(run));
    EXPECT_EQ(static_cast<int64_t>(samples.size()), (*generation)->num_samples());
    const std::string wave_name = "generate." + run["name"].get<std::string>() + ".wave";
    if (!fixture_.has(wave_name)) continue;
    const torch::Tensor wave = fixture_.tensor(wave_name).flatten();
    ASSERT_EQ(wave.numel(), static_cast<int64_t>(samples.size()));
    EXPECT_LT((torch::tensor(samples) - wave).abs().max().item<float>(), 1e-4f);
  }
  EXPECT_GE(compared, causal ? 7 : 6);
}

TEST_P(GeneratorParity, ConditionsAndLogitsOfEveryStageEqual) {
  const Bundle bundle = fixture_.Import();
  torch::NoGradGuard no_grad;
  MagnetTransformer transformer(bundle.config.lm);
  ASSERT_TRUE(LoadModule(bundle.lm, "lm", *transformer).ok());
  const auto close = [](const torch::Tensor& found, const torch::Tensor& wanted) {
    return (found - wanted).abs().max().item<double>() <= 1e-4 * wanted.abs().max().item<double>();
  };
  for (size_t i = 0; i < fixture_.expected()["prompts"].size(); ++i) {
    const std::string key = "t5." + std::to_string(i);
    if (fixture_.prompt(i).empty()) continue;  // masked: the null condition
    EXPECT_TRUE(close(transformer->ProjectText(fixture_.tensor(key + ".hidden")),
                      fixture_.tensor(key + ".condition")))
        << "prompt " << i;
  }
  for (int stage = 0; stage < bundle.config.lm.num_codebooks; ++stage) {
    const std::string key = "lm.stage" + std::to_string(stage);
    const torch::Tensor codes = fixture_.tensor(key + ".input")[0];
    for (int prompt : {0, 1}) {
      // The second prompt's windowed logits were not computed.
      if (prompt > 0 && stage > 0 && std::get<1>(GetParam()) == SubcodesAttention::kWindow) break;
      const torch::Tensor condition =
          fixture_.tensor("t5." + std::to_string(prompt) + ".condition");
      const ConditionKv kv = transformer->PrepareCondition(condition, {});
      const PassLogits logits = transformer->Pass({.codes = codes,
                                                   .stage = stage,
                                                   .frames = torch::arange(codes.size(1)),
                                                   .condition = &kv,
                                                   .guided = true});
      const std::string wanted = key + ".prompt" + std::to_string(prompt);
      EXPECT_TRUE(close(logits.cond, fixture_.tensor(wanted + ".cond_logits")[0])) << wanted;
      EXPECT_TRUE(close(logits.uncond, fixture_.tensor(wanted + ".uncond_logits")[0])) << wanted;
    }
  }
}

TEST_P(GeneratorParity, TheTopPCutEqualsTheReferences) {
  const torch::Tensor logits = fixture_.tensor("sampling.input_logits").contiguous();
  const torch::Tensor wanted = fixture_.tensor("sampling.top_p_0.9").contiguous();
  const int card = static_cast<int>(logits.size(1));
  RowSampling sampling;
  sampling.temperature = fixture_.expected()["sampling_temperature"];
  sampling.top_p = 0.9;
  RowSampler sampler(sampling, card);
  for (int row = 0; row < logits.size(0); ++row) {
    const float* first = logits.data_ptr<float>() + row * card;
    const auto found = sampler.Distribution({first, static_cast<size_t>(card)}, {});
    for (int i = 0; i < card; ++i) {
      EXPECT_NEAR(found[i], wanted[row][i].item<float>(), 1e-6) << "row " << row << ", token " << i;
    }
  }
}

}  // namespace
}  // namespace magnet
