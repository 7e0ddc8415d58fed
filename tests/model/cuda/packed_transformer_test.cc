// Whole packed steps with the CUDA kernels. If one of these fails, a GPU makes other
// music than a CPU, or a seed other music in company than alone.
#include "model/magnet/packed_transformer.h"

#include <gtest/gtest.h>

#include <array>
#include <list>
#include <numeric>

#include "model/magnet/cpu_step_kernels.h"
#include "tests/model/cuda/packed_kernels.h"

namespace magnet {
namespace {

constexpr int kCodebooks = 3, kCard = 64;

LmConfig SmallLm() {
  LmConfig config;
  config.dim = 64;
  config.num_heads = 4;
  config.num_layers = 3;
  config.ffn_dim = 128;
  config.num_codebooks = kCodebooks;
  config.card = kCard;
  config.text_dim = 24;
  config.window_frames = 200;
  config.bias_attn = config.bias_ff = config.bias_proj = true;
  return config;
}

// A model and its packed form over one table of kernels.
class PackedModel {
 public:
  // Equal weights, which half can represent, at every call.
  PackedModel(std::unique_ptr<StepKernels> kernels, torch::Device device) {
    torch::manual_seed(3);
    model_ = MagnetTransformer(SmallLm());
    for (torch::Tensor& p : model_->parameters()) {
      p.set_data((torch::randn_like(p) * 0.1).to(torch::kHalf).to(torch::kFloat));
    }
    const bool half = kernels->element_type() == ElementType::kFloat16;
    model_->to(half ? torch::kHalf : torch::kFloat);
    model_->to(device);
    packed_ = std::make_unique<PackedTransformer>(model_, std::move(kernels));
  }

  // A text of so many tokens, the same for equal numbers.
  const ConditionKv& Text(int num_tokens) {
    torch::manual_seed(num_tokens);
    const torch::Tensor states = torch::randn({1, num_tokens, SmallLm().text_dim});
    texts_.push_back(
        model_->PrepareCondition(model_->ProjectText(states.to(model_->device())), {}));
    PackCondition(texts_.back(), num_tokens % 2 == 0
                                     ? torch::Tensor()
                                     : torch::linspace(-1, 1, num_tokens).to(model_->device()));
    return texts_.back();
  }

  std::vector<std::vector<SampledToken>> Step(const std::vector<StepRequest>& requests) {
    return packed_->Step(requests);
  }

 private:
  MagnetTransformer model_{nullptr};
  std::unique_ptr<PackedTransformer> packed_;
  std::list<ConditionKv> texts_;
};

// What three clips ask for; codes and frames must outlive the requests.
struct Clips {
  Clips() {
    for (size_t i = 0; i < frames.size(); ++i) {
      codes[i].resize(static_cast<size_t>(kCodebooks * frames[i]));
      for (size_t j = 0; j < codes[i].size(); ++j) {
        codes[i][j] = static_cast<int64_t>((7 * j + i) % (kCard + 1));
      }
      wanted[i].resize(static_cast<size_t>(frames[i] / 2));
      std::iota(wanted[i].begin(), wanted[i].end(), 3);
    }
  }

  StepRequest Request(size_t i, PackedModel& model, bool greedy) const {
    StepRequest request;
    request.codes = codes[i];
    request.num_frames = frames[i];
    request.stage = static_cast<int>(i);
    request.frames = wanted[i];
    request.guided = i != 1;
    if (i != 1) request.condition = TextSpanOf(&model.Text(5 + static_cast<int>(i)));
    if (i == 2) request.negative = TextSpanOf(&model.Text(9));
    request.draw.sampling = {
        .greedy = greedy, .guidance = 3, .temperature = 1.5, .top_p = 0.9, .seed = 40 + i};
    return request;
  }

  std::array<int, 3> frames = {30, 66, 24};
  std::array<std::vector<int64_t>, 3> codes;
  std::array<std::vector<int>, 3> wanted;
};

class PackedTransformerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PackedKernels opened = OpenPackedKernels();
    if (opened.kernels == nullptr) GTEST_SKIP() << "no GPU to run on: " << opened.why;
    model_ = std::make_unique<PackedModel>(
        std::move(opened.kernels), opened.on_gpu ? torch::Device(torch::kCUDA, 0) : torch::kCPU);
    times_ = opened.on_gpu ? 3 : 1;
  }

  const torch::InferenceMode inference_;
  const Clips clips_;
  std::unique_ptr<PackedModel> model_;
  int times_ = 1;  // a GPU records the second step of a shape and launches it the third time
};

// Half has 11 bits: where two tokens are nearly as probable the other one may win, but
// then the probabilities are nearly the same.
TEST_F(PackedTransformerTest, AgreesWithTheKernelsOfTheCpu) {
  PackedModel cpu(std::make_unique<CpuStepKernels>(), torch::kCPU);
  std::vector<StepRequest> mine, theirs;
  for (size_t i = 0; i < 3; ++i) {
    mine.push_back(clips_.Request(i, *model_, /*greedy=*/true));
    theirs.push_back(clips_.Request(i, cpu, /*greedy=*/true));
  }
  const auto found = model_->Step(mine), wanted = cpu.Step(theirs);
  int differ = 0, count = 0;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(found[i].size(), wanted[i].size());
    for (size_t j = 0; j < found[i].size(); ++j) {
      differ += found[i][j].token != wanted[i][j].token;
      ++count;
      EXPECT_NEAR(found[i][j].probability, wanted[i][j].probability,
                  0.02f * wanted[i][j].probability)
          << "clip " << i << ", frame " << j;
    }
  }
  EXPECT_LE(differ, count / 50) << "of " << count << " tokens";
}

TEST_F(PackedTransformerTest, AClipGetsTheSameBytesAloneInCompanyAndAgain) {
  std::vector<StepRequest> all;
  for (const size_t i : {2, 0, 1}) all.push_back(clips_.Request(i, *model_, /*greedy=*/false));
  for (int time = 0; time < times_; ++time) {
    const auto together = model_->Step(all);
    for (size_t i = 0; i < 3; ++i) {
      const auto alone = model_->Step({all[i]})[0];
      ASSERT_EQ(alone.size(), together[i].size());
      for (size_t j = 0; j < alone.size(); ++j) {
        EXPECT_EQ(alone[j].token, together[i][j].token) << "clip " << i << ", draw " << j;
        EXPECT_EQ(alone[j].probability, together[i][j].probability)
            << "clip " << i << ", draw " << j;
      }
    }
  }
}

}  // namespace
}  // namespace magnet
