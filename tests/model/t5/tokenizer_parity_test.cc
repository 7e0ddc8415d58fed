// If these fail, prompts become other tokens than the models were trained with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/t5/tokenizer.h"
#include "nlohmann/json.hpp"
#include "tests/testing/testdata.h"

namespace magnet {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAreArray;
using Ids = std::vector<int64_t>;

class FixtureTokenizer : public testing::TestWithParam<std::string> {};

TEST_P(FixtureTokenizer, GivesTheReferencesIdsForEveryPrompt) {
  const auto expected = nlohmann::json::parse(ReadTestdata(GetParam() + "/expected.json"));
  const auto tokenizer = T5Tokenizer::FromSerialized(ReadTestdata(GetParam() + "/t5/spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto prompts = expected.at("prompts").get<std::vector<std::string>>();
  const auto token_ids = expected.at("token_ids").get<std::vector<Ids>>();
  ASSERT_EQ(prompts.size(), token_ids.size());
  ASSERT_FALSE(prompts.empty());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto ids = tokenizer->Encode(prompts[i]);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_THAT(*ids, ElementsAreArray(token_ids[i])) << "prompt " << i << ": " << prompts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, FixtureTokenizer,
                         testing::Values("magnet-tiny", "magnet-tiny-biased"),
                         [](const auto& info) {
                           return info.param == "magnet-tiny" ? "Tiny" : "TinyBiased";
                         });

struct EdgeCase {
  std::string text;
  Ids ids;
};

// Ids by transformers 4.57.6, T5Tokenizer(legacy=True), for the same
// spiece.model.
TEST(TokenizerEdgeCases, EqualTheReference) {
  const EdgeCase cases[] = {
      {"piano</s>", {70, 1}},
      {"piano</s> ", {70, 1}},
      {"piano </s> x", {70, 1, 3, 68, 1}},
      {"</s></s>", {1, 1}},
      {" <pad> ", {0, 1}},
      {"x <unk> y", {3, 68, 2, 3, 16, 1}},
      {"<<pad>>", {3, 2, 0, 3, 2, 1}},
      {"<PAD>", {3, 2, 1}},
      {"<s>", {3, 2, 15, 2, 1}},
      {"\xef\xbc\x9cpad\xef\xbc\x9e", {3, 2, 10, 41, 2, 1}},
      {"<extra_id_0>", {251, 1}},
      {"<extra_id_1><extra_id_2>", {250, 249, 1}},
      {"piano <extra_id_5> \t strings", {70, 246, 3, 93, 9, 15, 1}},
      {"piano\u3000<extra_id_99>\u00a0strings", {70, 152, 3, 93, 9, 15, 1}},
      {"piano<extra_id_3> \xc2\x85\x1c\v", {70, 248, 1}},
      {"a<extra_id_100>b", {5, 2, 14, 68, 18, 35, 20, 2, 4, 7, 2, 122, 121, 121, 2, 50, 1}},
      {"<extra_id_05>", {3, 2, 14, 68, 18, 35, 20, 2, 4, 7, 2, 121, 123, 2, 1}},
      {"<extra_id_7", {3, 2, 14, 68, 18, 35, 20, 2, 4, 7, 2, 124, 1}},
      {"<extra_id_<pad>", {3, 2, 14, 68, 18, 35, 20, 2, 4, 7, 2, 0, 1}},
      {"   ", {1}},
      {"tab\there", {37, 20, 50, 43, 60, 14, 1}},
      {"a\0b"s, {5, 2, 50, 1}},
      {"\0"s, {3, 2, 1}},
      {"\ufdfa", {3, 2, 3, 2, 3, 2, 3, 2, 1}},
      {"e\u0301", {3, 2, 1}},
      {"\u200bzero\u200bwidth", {3, 44, 14, 62, 8, 4, 7, 11, 1}},
      {"\ufeffbom", {38, 25, 13, 1}},
      {"\ufffd", {1}},
      {"a\ufffdb", {5, 38, 1}},
      {"\u2581piano", {70, 1}},
  };
  const auto tokenizer = T5Tokenizer::FromSerialized(ReadTestdata("magnet-tiny/t5/spiece.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (const auto& [text, expected] : cases) {
    const auto ids = tokenizer->Encode(text);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_THAT(*ids, ElementsAreArray(expected)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace magnet
