// If these fail, repeated prompts cost encoder passes, or a bad prompt or model
// gets past the door instead of an error.
#include "model/t5/text_conditioner.h"

#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/testing/testdata.h"

namespace magnet {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr TextEncoderConfig kConfig = {
    .vocab_size = 256, .d_model = 16, .d_kv = 4, .d_ff = 24, .num_layers = 2, .num_heads = 2};

T5Tokenizer LoadTokenizer() {
  return T5Tokenizer::FromSerialized(ReadTestdata("magnet-tiny/t5/spiece.model")).value();
}

T5Encoder DrawnEncoder() {
  torch::manual_seed(5);
  T5Encoder encoder(kConfig);
  encoder->ResetParameters();
  return encoder;
}

TextConditioner MakeConditioner(const TextConditionerOptions& options = {}) {
  return TextConditioner::Create(LoadTokenizer(), DrawnEncoder(), options).value();
}

TEST(TextConditioner, ARepeatedPromptRunsNoPass) {
  auto conditioner = MakeConditioner();
  const auto first = conditioner.Encode("a slow piano");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(conditioner.num_passes(), 1);
  const auto other = conditioner.Encode("a fast piano");
  EXPECT_EQ(conditioner.num_passes(), 2);
  const auto again = conditioner.Encode("a slow piano");
  EXPECT_EQ(conditioner.num_passes(), 2) << "the prompt was encoded again";
  EXPECT_TRUE(torch::equal(*again, *first));
  EXPECT_FALSE(torch::equal(*other, *first));
  EXPECT_EQ(conditioner.cache().hits(), 1);
  EXPECT_EQ(conditioner.cache().misses(), 2);
}

TEST(TextConditioner, WithoutACacheEveryPromptRunsAPassWithTheSameResult) {
  auto conditioner = MakeConditioner({.cache = {.max_entries = 0}});
  const auto first = conditioner.Encode("a slow piano");
  const auto again = conditioner.Encode("a slow piano");
  EXPECT_EQ(conditioner.num_passes(), 2);
  EXPECT_TRUE(torch::equal(*again, *first));
}

TEST(TextConditioner, StatesHaveARowPerTokenAndNoGradient) {
  auto conditioner = MakeConditioner();
  const auto states = conditioner.Encode("a slow piano");
  const auto ids = conditioner.tokenizer().Encode("a slow piano");
  EXPECT_THAT(states->sizes(), testing::ElementsAre(ids->size(), kConfig.d_model));
  EXPECT_FALSE(states->requires_grad());
  EXPECT_THAT(conditioner.Encode("")->sizes(), testing::ElementsAre(1, kConfig.d_model));
}

// If it fails: a prompt within the limit of bytes is refused for its tokens, of which it
// may have more than bytes: "a.m." is one character here.
TEST(TextConditioner, EveryTextOfTheLongestPromptIsEncoded) {
  auto conditioner = MakeConditioner();
  std::string text;
  while (text.size() + 3 <= 4096) text += "\xe3\x8f\x82";
  const auto states = conditioner.Encode(text);
  ASSERT_TRUE(states.ok()) << states.status();
  EXPECT_GT(states->size(0), 4096);
  EXPECT_TRUE(states->isfinite().all().item<bool>());
}

TEST(TextConditioner, AVocabularyWithoutEmbeddingsIsRefused) {
  TextEncoderConfig config = kConfig;
  config.vocab_size = 251;
  const auto status = TextConditioner::Create(LoadTokenizer(), T5Encoder(config), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("vocab_size: expected at least the 252"));
}

TEST(TextConditioner, AnExceptionOfTheEncoderBecomesAStatusAndIsNotKept) {
  auto encoder = DrawnEncoder();
  encoder->shared->weight.set_data(torch::zeros({256, 17}));  // d_model is 16
  auto conditioner = TextConditioner::Create(LoadTokenizer(), encoder, {}).value();
  const auto status = conditioner.Encode("piano").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), Not(HasSubstr("frame #"))) << "a backtrace is no message";
  EXPECT_EQ(conditioner.cache().size(), 0);
}

// Fails as torch's own does when memory runs out.
class ExhaustedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t num_bytes) override {
    TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: ", num_bytes, " bytes");
  }
  void copy_data(void* to, const void* from, size_t num_bytes) const override {
    default_copy_data(to, from, num_bytes);
  }
};

// If it fails: a machine short of memory calls the model broken, and nobody tries again.
TEST(TextConditioner, MemoryThatIsNotThereIsCalledSo) {
  auto conditioner = MakeConditioner();
  ExhaustedAllocator exhausted;
  c10::Allocator* const before = c10::GetCPUAllocator();
  c10::SetCPUAllocator(&exhausted);
  const auto status = conditioner.Encode("piano").status();
  c10::SetCPUAllocator(before);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("text encoder, 2 tokens: "));
}

}  // namespace
}  // namespace magnet
