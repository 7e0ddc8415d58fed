// MagnetTransformer::Pass leaves out work that cannot reach the logits. Each
// test compares it with forward, which leaves out nothing: if one fails, the
// shortcut changes the music.
#include "model/magnet/transformer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/cpu_features.h"
#include "model/precision.h"

namespace magnet {
namespace {

constexpr int kFrames = 40, kTextLength = 7, kCard = 11, kCodebooks = 3;
constexpr double kTolerance = 2e-5;

constexpr int kCausal = -2;  // instead of a window's context

LmConfig SmallLm(bool biases, int context) {
  LmConfig config;
  config.dim = 24;
  config.num_heads = 4;
  config.num_layers = 4;
  config.ffn_dim = 48;
  config.num_codebooks = kCodebooks;
  config.card = kCard;
  config.text_dim = 10;
  config.window_frames = kFrames;
  config.subcodes_context = context;
  if (context == kCausal) config.subcodes_attention = SubcodesAttention::kCausal;
  config.bias_attn = config.bias_ff = config.bias_proj = biases;
  return config;
}

struct PassCase {
  bool biases;
  int context;
  int stage;
};

class TransformerPass : public ::testing::TestWithParam<PassCase> {
 protected:
  void SetUp() override {
    torch::manual_seed(4);
    model_ = MagnetTransformer(SmallLm(GetParam().biases, GetParam().context));
    for (torch::Tensor& p : model_->parameters()) p.set_data(torch::randn_like(p) * 0.3);
    codes_ = torch::randint(0, kCard + 1, {1, kCodebooks, kFrames});
    text_ = torch::randn({1, kTextLength, 10});
    other_text_ = torch::randn({1, 4, 10});
  }

  torch::Tensor Plain(const torch::Tensor& text, bool null) {
    const torch::Tensor mask = torch::full({1, text.size(1)}, !null, torch::kBool);
    return model_
        ->forward({.codes = codes_,
                   .text_states = text,
                   .text_mask = mask,
                   .stage = GetParam().stage,
                   .first_frames = {}})
        .logits[0];
  }

  ConditionKv Kv(const torch::Tensor& text, const torch::Tensor& bias = {}) {
    return model_->PrepareCondition(model_->ProjectText(text), bias);
  }

  PassInput Input(const std::vector<int64_t>& frames) {
    return {.codes = codes_[0], .stage = GetParam().stage, .frames = torch::tensor(frames)};
  }

  // Both branches of a guided pass with a weighted text, one below the other.
  torch::Tensor GuidedLogits(int stage, const std::vector<int64_t>& frames) {
    const ConditionKv kv = Kv(text_, torch::linspace(-1, 0, kTextLength));
    PassInput input = Input(frames);
    input.stage = stage;
    input.condition = &kv;
    input.guided = true;
    const PassLogits logits = model_->Pass(input);
    return torch::cat({logits.cond, logits.uncond});
  }

  // `tolerance`: of the norm of the logits.
  void ExpectTheSamePacked(double tolerance) {
    const int stage = GetParam().stage;
    const auto passes = [&] {
      return std::vector<torch::Tensor>{GuidedLogits(stage, few_), GuidedLogits(stage, more_)};
    };
    const std::vector<torch::Tensor> before = passes();
    model_->Pack({.layers = WeightPacking::kOneDnn, .heads = WeightPacking::kOneDnn});
    const std::vector<torch::Tensor> after = passes();
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_LT((after[i] - before[i]).norm().item<double>(),
                tolerance * before[i].norm().item<double>());
    }
  }

  static void ExpectClose(const torch::Tensor& found, const torch::Tensor& wanted,
                          const char* what) {
    ASSERT_EQ(found.sizes(), wanted.sizes()) << what;
    const double scale = wanted.abs().max().item<double>();
    EXPECT_LT((found - wanted).abs().max().item<double>(), kTolerance * scale) << what;
  }

  const std::vector<int64_t> few_ = {5, 6, 7}, more_ = {0, 1, 2, 17, 30, 31, 39};
  torch::NoGradGuard no_grad_;
  MagnetTransformer model_{nullptr};
  torch::Tensor codes_, text_, other_text_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, TransformerPass,
                         ::testing::Values(PassCase{false, 3, 0}, PassCase{false, 3, 1},
                                           PassCase{false, 3, 2}, PassCase{true, 5, 0},
                                           PassCase{true, 5, 2}, PassCase{false, -1, 1},
                                           PassCase{false, 0, 1}, PassCase{false, kCausal, 1},
                                           PassCase{true, kCausal, 2}));

TEST_P(TransformerPass, WantedFramesAloneEqualThoseOfAllFrames) {
  const ConditionKv kv = Kv(text_);
  const torch::Tensor all = Plain(text_, /*null=*/false);
  for (const std::vector<int64_t>& frames :
       {std::vector<int64_t>{0, 1, 2}, {17}, {5, 6, 7, 30, 31, 39}}) {
    PassInput input = Input(frames);
    input.condition = &kv;
    ExpectClose(model_->Pass(input).cond, all.index_select(0, input.frames), "wanted frames");
  }
}

TEST_P(TransformerPass, GuidedEqualsTheTwoBranchesAlone) {
  const ConditionKv kv = Kv(text_);
  PassInput input = Input({3, 4, 5, 20});
  input.condition = &kv;
  input.guided = true;
  const PassLogits logits = model_->Pass(input);
  ExpectClose(logits.cond, Plain(text_, false).index_select(0, input.frames), "with the text");
  // The null branch whose cross-attention is skipped, against zero vectors that
  // are attended to.
  ExpectClose(logits.uncond, Plain(text_, true).index_select(0, input.frames), "null condition");
}

TEST_P(TransformerPass, TheNullConditionHasNoLength) {
  ExpectClose(Plain(text_, true), Plain(other_text_, true), "null conditions of two lengths");
}

TEST_P(TransformerPass, ANegativePromptTakesTheNullBranch) {
  const ConditionKv kv = Kv(text_), negative = Kv(other_text_);
  PassInput input = Input({8, 9});
  input.condition = &kv;
  input.guided = true;
  input.negative = &negative;
  const PassLogits logits = model_->Pass(input);
  ExpectClose(logits.uncond, Plain(other_text_, false).index_select(0, input.frames), "negative");
}

TEST_P(TransformerPass, TheSamePromptTwiceWithAnyWeightsEqualsItOnce) {
  const torch::Tensor bias = torch::cat(
      {torch::full({kTextLength}, std::log(0.2f)), torch::full({kTextLength}, std::log(3.0f))});
  const ConditionKv once = Kv(text_), twice = Kv(torch::cat({text_, text_}, 1), bias);
  PassInput input = Input({0, 13, 14, 39});
  input.condition = &once;
  const torch::Tensor wanted = model_->Pass(input).cond;
  input.condition = &twice;
  ExpectClose(model_->Pass(input).cond, wanted, "twice");
}

TEST_P(TransformerPass, AWeightMovesTheResultTowardsItsPrompt) {
  const auto mixed = [&](float weight) {
    const torch::Tensor bias = torch::cat(
        {torch::full({kTextLength}, std::log(weight)), torch::full({4}, std::log(1.0f))});
    const ConditionKv kv = Kv(torch::cat({text_, other_text_}, 1), bias);
    PassInput input = Input({0, 13, 14, 39});
    input.condition = &kv;
    return model_->Pass(input).cond;
  };
  const torch::Tensor alone =
      Plain(text_, false).index_select(0, torch::tensor(std::vector<int64_t>{0, 13, 14, 39}));
  const double far = (mixed(1.0f) - alone).norm().item<double>();
  const double near = (mixed(1000.0f) - alone).norm().item<double>();
  EXPECT_LT(near, 0.1 * far);
}

// Breaks where a type with fewer bits loses more than its products must, weighs prompts
// otherwise, or where a float16 CPU path lacks a conversion.
TEST_P(TransformerPass, RunsInHalfPrecisions) {
  const torch::Tensor weights = torch::linspace(-1, 0, kTextLength);
  const ConditionKv full = Kv(text_, weights);
  PassInput input = Input({3, 4});
  input.condition = &full;
  const torch::Tensor wanted = model_->Pass(input).cond;
  for (const auto dtype : {torch::kHalf, torch::kBFloat16}) {
    model_->ComputeIn(dtype);
    const ConditionKv kv = Kv(text_, weights);
    input.condition = &kv;
    const torch::Tensor found = model_->Pass(input).cond;
    EXPECT_EQ(found.scalar_type(), torch::kFloat);
    EXPECT_LT((found - wanted).norm().item<double>(), 0.03 * wanted.norm().item<double>());
  }
}

// Breaks where weights in oneDNN's order make other logits, or one of them is forgotten.
TEST_P(TransformerPass, PackedWeightsGiveTheSame) {
  if (!CpuGainsByBFloat16()) GTEST_SKIP() << "this CPU gains nothing by bfloat16";
  model_->ComputeIn(torch::kBFloat16);
  ExpectTheSamePacked(0.03);
}

TEST_P(TransformerPass, PackedWeightsGiveTheSameInFloat32) { ExpectTheSamePacked(1e-5); }

// Breaks where the layers in 8 bits are another function, or one of their weights is another's:
// rounding alone leaves some 2 % here.
TEST_P(TransformerPass, Int8LayersGiveNearlyTheSame) {
  const auto passes = [&] {
    return std::vector<torch::Tensor>{GuidedLogits(0, more_), GuidedLogits(2, few_),
                                      GuidedLogits(2, more_)};
  };
  const std::vector<torch::Tensor> exact = passes();
  model_->Pack({.layers = WeightPacking::kInt8, .heads = WeightPacking::kNone});
  const std::vector<torch::Tensor> found = passes();
  for (size_t i = 0; i < exact.size(); ++i) {
    const double error =
        (found[i] - exact[i]).norm().item<double>() / exact[i].norm().item<double>();
    EXPECT_GT(error, 0) << "nothing was rounded";
    EXPECT_LT(error, 0.05);
  }
}

// Breaks where training and inference tell a model's frames different beats.
TEST(BeatsOfTheTransformer, APassHasTheLogitsOfForward) {
  LmConfig config = SmallLm(/*biases=*/false, /*context=*/3);
  config.beats = BeatConfig{};
  torch::manual_seed(5);
  MagnetTransformer model(config);
  for (torch::Tensor& p : model->parameters()) p.set_data(torch::randn_like(p) * 0.3);
  const torch::NoGradGuard no_grad;
  TrainingInput input{.codes = torch::randint(0, kCard + 1, {1, kCodebooks, kFrames}),
                      .ticks = torch::randint(0, config.beats->num_ticks(), {1, kFrames}),
                      .text_states = torch::randn({1, kTextLength, 10}),
                      .text_mask = torch::ones({1, kTextLength}, torch::kBool),
                      .stage = 0,
                      .first_frames = {}};
  const ConditionKv kv =
      model->PrepareCondition(model->ProjectText(input.text_states), /*score_bias=*/{});
  PassInput pass{.codes = input.codes[0],
                 .ticks = input.ticks[0],
                 .frames = torch::arange(kFrames),
                 .condition = &kv};
  const torch::Tensor told = model->Pass(pass).cond;
  EXPECT_TRUE(torch::allclose(told, model->forward(input).logits[0], 1e-3, 1e-4));

  pass.ticks = torch::Tensor();
  input.ticks = torch::full({1, kFrames}, config.beats->no_tick_id());
  const torch::Tensor untold = model->Pass(pass).cond;
  EXPECT_TRUE(torch::allclose(untold, model->forward(input).logits[0], 1e-3, 1e-4));
  EXPECT_FALSE(torch::allclose(told, untold, 1e-3, 1e-3)) << "beats do not reach the logits";
}

// Breaks where padding moves what a text tells of its beats.
TEST(BeatsOfTheTransformer, TextsAreHeardWithoutTheirPadding) {
  LmConfig config = SmallLm(/*biases=*/false, /*context=*/3);
  config.beats = BeatConfig{};
  MagnetTransformer model(config);
  const torch::NoGradGuard no_grad;
  const torch::Tensor states = torch::randn({2, kTextLength, 10});
  torch::Tensor mask = torch::ones({2, kTextLength}, torch::kBool);
  mask[0].narrow(0, 3, kTextLength - 3).fill_(false);
  mask[1].fill_(false);
  const torch::Tensor logits = model->BeatLogits(states, mask);
  const torch::Tensor alone =
      model->BeatLogits(states.narrow(0, 0, 1).narrow(1, 0, 3), torch::ones({1, 3}, torch::kBool));
  EXPECT_TRUE(torch::allclose(logits[0], alone[0], 1e-4, 1e-5));
  EXPECT_TRUE(logits.isfinite().all().item<bool>()) << "a text of padding alone";
}

// Breaks where a crop in training has other positions than its frames have in their window.
TEST(TrainingForward, ACropHasTheLogitsOfItsPlace) {
  torch::manual_seed(6);
  MagnetTransformer model(SmallLm(/*biases=*/true, /*context=*/2));
  for (auto& item : model->named_parameters()) {
    // Without self-attention a frame's logits depend on its codes, the text and its place.
    const bool mixes = item.key().find("self_attn.out_proj") != std::string::npos;
    item.value().set_data(torch::randn_like(item.value()) * (mixes ? 0 : 0.3));
  }
  const torch::NoGradGuard no_grad;
  TrainingInput input{.codes = torch::randint(0, kCard + 1, {2, kCodebooks, kFrames}),
                      .text_states = torch::randn({2, kTextLength, 10}),
                      .text_mask = torch::ones({2, kTextLength}, torch::kBool),
                      .stage = 1,
                      .first_frames = {}};
  const torch::Tensor whole = model->forward(input).logits;
  input.codes = torch::stack({input.codes[0].narrow(1, 3, 4), input.codes[1].narrow(1, 0, 4)});
  input.first_frames = torch::tensor({3, 0});
  const TrainingOutput crop = model->forward(input);
  EXPECT_TRUE(torch::allclose(crop.logits[0], whole[0].narrow(0, 3, 4), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(crop.logits[1], whole[1].narrow(0, 0, 4), 1e-4, 1e-5));
  EXPECT_EQ(crop.middle.sizes(), at::IntArrayRef({2, 4, model->config().dim}));
}

// Breaks where attention by whole products, which bfloat16 takes, sees other keys than the
// fused one of float32.
TEST(TrainingForward, BFloat16AttendsAsFloat32Does) {
  torch::manual_seed(7);
  for (const int stage : {0, 1}) {
    MagnetTransformer model(SmallLm(/*biases=*/false, /*context=*/2));
    for (torch::Tensor& p : model->parameters()) p.set_data(torch::randn_like(p) * 0.2);
    torch::Tensor mask = torch::ones({2, kTextLength}, torch::kBool);
    mask[0].narrow(0, 3, kTextLength - 3).fill_(false);  // padding
    mask[1].fill_(false);                                // the null condition
    const TrainingInput input{.codes = torch::randint(0, kCard + 1, {2, kCodebooks, kFrames}),
                              .text_states = torch::randn({2, kTextLength, 10}),
                              .text_mask = mask,
                              .stage = stage,
                              .first_frames = {}};
    const torch::NoGradGuard no_grad;
    const torch::Tensor wanted = model->forward(input).logits;
    model->ComputeIn(torch::kBFloat16);
    const torch::Tensor found = model->forward(input).logits.to(torch::kFloat);
    EXPECT_LT((found - wanted).norm().item<float>(), 0.02 * wanted.norm().item<float>())
        << "stage " << stage;
  }
}

TEST(SinusoidalPositions, CosinesComeFirst) {
  const torch::Tensor positions = SinusoidalPositions(4, 6);
  EXPECT_FLOAT_EQ(positions[0][0].item<float>(), 1.0f);
  EXPECT_FLOAT_EQ(positions[0][3].item<float>(), 0.0f);
  EXPECT_FLOAT_EQ(positions[3][0].item<float>(), std::cos(3.0f));
  EXPECT_NEAR(positions[3][4].item<float>(), std::sin(3.0f / 100.0f), 1e-6);
  EXPECT_NEAR(positions[3][5].item<float>(), std::sin(3.0f / 10000.0f), 1e-6);
}

}  // namespace
}  // namespace magnet
