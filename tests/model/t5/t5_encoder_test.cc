// If these fail, the encoder is another function than T5, or does not train.
#include "model/t5/t5_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace magnet {
namespace {

using testing::ElementsAreArray;

TextEncoderConfig TinyConfig(bool gated_gelu) {
  return {.vocab_size = 40,
          .d_model = 16,
          .d_kv = 6,  // heads * d_kv is not d_model, as in T5 v1.1 small
          .d_ff = 24,
          .num_layers = 2,
          .num_heads = 3,
          .gated_gelu = gated_gelu};
}

T5Encoder DrawnEncoder(const TextEncoderConfig& config) {
  torch::manual_seed(3);
  T5Encoder encoder(config);
  encoder->ResetParameters();
  return encoder;
}

std::vector<int64_t> ToVector(const torch::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
}

double LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// The edges of the logarithmic buckets are 8 * 2^(n/2), as floats round them.
TEST(RelativePositionBuckets, HaveTheEdgesOfT5) {
  constexpr int kFirstDistance[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
  constexpr int kNumPositions = 400;
  const auto buckets = ToVector(RelativePositionBuckets(kNumPositions, /*num_buckets=*/32,
                                                        /*max_distance=*/128));
  ASSERT_EQ(buckets.size(), 2 * kNumPositions - 1);
  int bucket = 0;
  for (int distance = 0; distance < kNumPositions; ++distance) {
    if (bucket < 15 && distance == kFirstDistance[bucket + 1]) ++bucket;
    EXPECT_EQ(buckets[kNumPositions - 1 - distance], bucket) << "key " << distance << " before";
    if (distance == 0) continue;
    EXPECT_EQ(buckets[kNumPositions - 1 + distance], bucket + 16) << "key " << distance << " after";
  }
}

TEST(RelativePositionBuckets, OneTokenSeesItselfInTheFirst) {
  EXPECT_THAT(ToVector(RelativePositionBuckets(1, 32, 128)), testing::ElementsAre(0));
}

TEST(ReversedBias, LooksUpKeyMinusQuery) {
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/false));
  auto& attention = *encoder->encoder->block[0]->as<T5Block>()->self_attention->attention;
  const auto bias = attention.ReversedBias(/*num_tokens=*/5).flip(2);
  const auto& by_bucket = attention.relative_attention_bias->weight;  // [32, 3]
  ASSERT_THAT(bias.sizes(), ElementsAreArray({1, 3, 5, 5}));
  for (int head = 0; head < 3; ++head) {
    for (int query = 0; query < 5; ++query) {
      for (int key = 0; key < 5; ++key) {
        const int bucket = key > query ? 16 + key - query : query - key;
        EXPECT_EQ(bias[0][head][query][key].item<float>(), by_bucket[bucket][head].item<float>())
            << "query " << query << ", key " << key;
      }
    }
  }
}

// If it fails: long prompts mean something else, for their queries attend in blocks.
TEST(T5Attention, OfALongTextIsThatOfItsDefinition) {
  const torch::NoGradGuard no_grad;
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/false));
  auto& attention = *encoder->encoder->block[0]->as<T5Block>()->self_attention->attention;
  constexpr int64_t kTokens = 1100, kHeads = 3, kWidth = 6;
  const auto x = torch::randn({1, kTokens, 16});
  const auto bias = attention.ReversedBias(kTokens);
  const auto heads = [&](T5Linear& linear) {
    return linear(x).view({1, kTokens, kHeads, kWidth}).transpose(1, 2);
  };
  const auto scores = heads(attention.q).matmul(heads(attention.k).transpose(2, 3)) + bias.flip(2);
  const auto wanted =
      attention.o(torch::softmax(scores, -1).matmul(heads(attention.v)).transpose(1, 2).flatten(2));
  EXPECT_LT(LargestDifference(attention.forward(x, bias), wanted), 1e-5);
}

TEST(T5RmsNorm, ScalesWithoutCentering) {
  T5RmsNorm norm(2, /*epsilon=*/0.0);
  const auto y = norm(torch::tensor({3.0F, 4.0F}));
  EXPECT_NEAR(y[0].item<double>(), 3 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(y[1].item<double>(), 4 / std::sqrt(12.5), 1e-6);
}

TEST(T5RmsNorm, OfZerosIsZero) {
  T5RmsNorm norm(4, /*epsilon=*/1e-6);
  EXPECT_EQ(norm(torch::zeros({4})).abs().max().item<double>(), 0);
}

// relu(1) - relu(-1) by hand; gelu_tanh(1) = 0.841192, gelu_tanh(-1) =
// -0.158808.
TEST(T5FeedForward, ComputesBothKinds) {
  TextEncoderConfig config = TinyConfig(/*gated_gelu=*/false);
  config.d_model = 1;
  config.d_ff = 2;
  const torch::NoGradGuard no_grad;
  T5FeedForward relu(config);
  relu->wi->weight.copy_(torch::tensor({{1.0F}, {-1.0F}}));
  relu->wo->weight.copy_(torch::tensor({{10.0F, 100.0F}}));
  EXPECT_FLOAT_EQ(relu(torch::ones({1, 1, 1})).item<float>(), 10);

  config.gated_gelu = true;
  T5FeedForward gated(config);
  gated->wi_0->weight.copy_(torch::tensor({{1.0F}, {-1.0F}}));
  gated->wi_1->weight.copy_(torch::tensor({{2.0F}, {3.0F}}));
  gated->wo->weight.copy_(torch::tensor({{10.0F, 100.0F}}));
  EXPECT_NEAR(gated(torch::ones({1, 1, 1})).item<double>(), 0.841192 * 2 * 10 - 0.158808 * 3 * 100,
              1e-4);
}

std::set<std::string> ParameterNames(const T5Encoder& encoder) {
  std::set<std::string> names;
  for (const auto& parameter : encoder->named_parameters()) names.insert(parameter.key());
  return names;
}

std::set<std::string> HuggingFaceNames(const std::vector<std::string>& feed_forward) {
  std::set<std::string> names = {
      "shared.weight", "encoder.final_layer_norm.weight",
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"};
  for (const std::string block : {"encoder.block.0.layer.", "encoder.block.1.layer."}) {
    for (const std::string name : {"q", "k", "v", "o"}) {
      names.insert(block + "0.SelfAttention." + name + ".weight");
    }
    for (const auto& name : feed_forward)
      names.insert(block + "1.DenseReluDense." + name + ".weight");
    names.insert(block + "0.layer_norm.weight");
    names.insert(block + "1.layer_norm.weight");
  }
  return names;
}

TEST(T5Encoder, HasTheNamesOfTheCheckpoints) {
  EXPECT_EQ(ParameterNames(T5Encoder(TinyConfig(/*gated_gelu=*/false))),
            HuggingFaceNames({"wi", "wo"}));
  EXPECT_EQ(ParameterNames(T5Encoder(TinyConfig(/*gated_gelu=*/true))),
            HuggingFaceNames({"wi_0", "wi_1", "wo"}));
}

TEST(T5Encoder, PaddingDoesNotChangeWhatItIsMaskedFrom) {
  const torch::NoGradGuard no_grad;
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/true));
  const auto alone = torch::tensor({{5, 9, 1}}, torch::kInt64);
  const auto longer = torch::tensor({{7, 8, 30, 2, 1}}, torch::kInt64);
  const auto batch = torch::cat({torch::constant_pad_nd(alone, {0, 2}), longer});
  const auto mask = torch::tensor({{1, 1, 1, 0, 0}, {1, 1, 1, 1, 1}}, torch::kInt64);
  const auto states = encoder(batch, mask);
  EXPECT_LT(LargestDifference(states[0].slice(0, 0, 3), encoder(alone)[0]), 1e-5);
  EXPECT_LT(LargestDifference(states[1], encoder(longer)[0]), 1e-5);
  const auto unmasked = encoder(batch);
  EXPECT_GT(LargestDifference(unmasked[0].slice(0, 0, 3), encoder(alone)[0]), 1e-3)
      << "padding has no effect even without a mask: the check above proves "
         "nothing";
}

TEST(T5Encoder, ARowWithoutAnySeenTokenIsFinite) {
  const torch::NoGradGuard no_grad;
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/false));
  const auto states = encoder(torch::zeros({1, 3}, torch::kInt64), torch::zeros({1, 3}));
  EXPECT_TRUE(states.isfinite().all().item<bool>());
}

TEST(T5Encoder, EveryWeightGetsAGradient) {
  for (const bool gated_gelu : {false, true}) {
    auto encoder = DrawnEncoder(TinyConfig(gated_gelu));
    const auto mask = torch::tensor({{1, 1, 1, 0}}, torch::kInt64);
    encoder(torch::tensor({{5, 9, 1, 0}}, torch::kInt64), mask).square().sum().backward();
    for (const auto& parameter : encoder->named_parameters()) {
      ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
      EXPECT_GT(parameter.value().grad().abs().max().item<double>(), 0) << parameter.key();
    }
  }
}

// A derivative by autograd against a difference quotient, in double precision.
TEST(T5Encoder, GradientsAreThoseOfTheFunction) {
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/true));
  encoder->to(torch::kFloat64);
  const auto ids = torch::tensor({{5, 9, 30, 1}}, torch::kInt64);
  const auto direction = torch::randn({1, 4, 16}, torch::kFloat64);
  const auto loss = [&] { return (encoder(ids) * direction).sum(); };
  loss().backward();
  const torch::NoGradGuard no_grad;
  for (auto& parameter : encoder->named_parameters()) {
    auto& weight = parameter.value();
    const auto step = torch::randn_like(weight) * weight.abs().mean() * 1e-4;
    const double expected = (weight.grad() * step).sum().item<double>() * 2;
    weight.add_(step);
    const double above = loss().item<double>();
    weight.sub_(2 * step);
    const double below = loss().item<double>();
    weight.add_(step);
    // The norms round to float32, so the quotient is good to about 1e-7 / 1e-4.
    EXPECT_NEAR(above - below, expected, 2e-2 * std::abs(expected) + 2e-5) << parameter.key();
  }
}

// Breaks where a model that keeps its text encoder in the file's type plays something else.
TEST(T5Encoder, WeightsKeptAsTheyWereStoredGiveTheSameBits) {
  const torch::NoGradGuard no_grad;
  const auto ids = torch::tensor({{5, 9, 30, 2, 1}}, torch::kInt64);
  for (const torch::Dtype stored : {torch::kHalf, torch::kBFloat16}) {
    auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/true));
    for (torch::Tensor& weight : encoder->parameters()) weight.copy_(weight.to(stored));
    const auto wide = encoder(ids);
    encoder->KeepWeightsIn(stored);
    EXPECT_EQ(encoder->encoder->block[0]
                  ->as<T5Block>()
                  ->feed_forward->feed_forward->wo->weight.scalar_type(),
              stored);
    const auto kept = encoder(ids);
    EXPECT_EQ(kept.scalar_type(), torch::kFloat);
    EXPECT_TRUE(torch::equal(kept, wide));
  }
}

TEST(T5Encoder, BFloat16StaysNearFloat32) {
  const torch::NoGradGuard no_grad;
  auto encoder = DrawnEncoder(TinyConfig(/*gated_gelu=*/true));
  const auto ids = torch::tensor({{5, 9, 30, 2, 1}}, torch::kInt64);
  const auto exact = encoder(ids);
  encoder->to(torch::kBFloat16);
  const auto rounded = encoder(ids);
  EXPECT_EQ(rounded.scalar_type(), torch::kBFloat16);
  EXPECT_LT(((rounded.to(torch::kFloat32) - exact).norm() / exact.norm()).item<double>(), 0.05);
}

}  // namespace
}  // namespace magnet
