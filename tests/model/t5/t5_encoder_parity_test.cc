// If these fail, texts mean something else to a model than they did in
// training.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/tensor_map.h"
#include "model/t5/t5_encoder.h"
#include "model/t5/text_conditioner.h"
#include "nlohmann/json.hpp"
#include "tests/testing/testdata.h"

namespace magnet {
namespace {

constexpr double kTolerance = 1e-4;  // of the largest value, float32

TextEncoderConfig ReadConfig(const std::string& folder) {
  const auto json = nlohmann::json::parse(ReadTestdata(folder + "/t5/config.json"));
  return {.vocab_size = json.at("vocab_size"),
          .d_model = json.at("d_model"),
          .d_kv = json.at("d_kv"),
          .d_ff = json.at("d_ff"),
          .num_layers = json.at("num_layers"),
          .num_heads = json.at("num_heads"),
          .relative_attention_num_buckets = json.at("relative_attention_num_buckets"),
          .relative_attention_max_distance = json.at("relative_attention_max_distance"),
          .gated_gelu = json.at("feed_forward_proj") == "gated-gelu",
          .layer_norm_epsilon = json.at("layer_norm_epsilon")};
}

TensorMap ReadTensors(const std::string& path) {
  auto file = ReadSafetensors(TestdataPath(path));
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? std::move(file->tensors) : TensorMap();
}

double RelativeError(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

class T5EncoderParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto status = LoadModule(ReadTensors(GetParam() + "/t5/model.safetensors"),
                                   "model.safetensors", *encoder_);
    ASSERT_TRUE(status.ok()) << status;
  }

  torch::Tensor ExpectedStates(size_t prompt) const {  // [1, S, d_model]
    return expected_.at("t5." + std::to_string(prompt) + ".hidden");
  }

  const nlohmann::json description_ =
      nlohmann::json::parse(ReadTestdata(GetParam() + "/expected.json"));
  const TensorMap expected_ = ReadTensors(GetParam() + "/expected.safetensors");
  T5Encoder encoder_{ReadConfig(GetParam())};
};

TEST_P(T5EncoderParity, StatesOfEveryPromptAreTheReferences) {
  const torch::NoGradGuard no_grad;
  const auto token_ids = description_.at("token_ids").get<std::vector<std::vector<int64_t>>>();
  ASSERT_FALSE(token_ids.empty());
  for (size_t i = 0; i < token_ids.size(); ++i) {
    const auto states = encoder_(torch::tensor(token_ids[i], torch::kInt64).unsqueeze(0));
    ASSERT_EQ(states.sizes(), ExpectedStates(i).sizes());
    EXPECT_LT(RelativeError(states, ExpectedStates(i)), kTolerance) << "prompt " << i;
  }
}

// With gradients on, attention takes another path through the tensor library.
TEST_P(T5EncoderParity, StatesInTrainingAreTheSame) {
  const auto token_ids = description_.at("token_ids").get<std::vector<std::vector<int64_t>>>();
  const size_t longest = token_ids.size() - 1;
  const auto states = encoder_(torch::tensor(token_ids[longest], torch::kInt64).unsqueeze(0));
  EXPECT_TRUE(states.requires_grad());
  EXPECT_LT(RelativeError(states.detach(), ExpectedStates(longest)), kTolerance);
}

TEST_P(T5EncoderParity, FromTextToStates) {
  auto tokenizer = T5Tokenizer::FromSerialized(ReadTestdata(GetParam() + "/t5/spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  auto conditioner = TextConditioner::Create(*std::move(tokenizer), encoder_, {});
  ASSERT_TRUE(conditioner.ok()) << conditioner.status();
  const auto prompts = description_.at("prompts").get<std::vector<std::string>>();
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto states = conditioner->Encode(prompts[i]);
    ASSERT_TRUE(states.ok()) << states.status();
    EXPECT_LT(RelativeError(*states, ExpectedStates(i)[0]), kTolerance) << prompts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, T5EncoderParity,
                         testing::Values("magnet-tiny", "magnet-tiny-biased"),
                         [](const auto& info) {
                           return info.param == "magnet-tiny" ? "Relu" : "GatedGelu";
                         });

}  // namespace
}  // namespace magnet
