// If these fail, a damaged file or a hostile prompt can bring the server down,
// or a person reads wrong pieces.
#include "model/t5/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/testing/testdata.h"

namespace magnet {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

std::string SpieceModel() { return ReadTestdata("magnet-tiny/t5/spiece.model"); }

class TokenizerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tokenizer_.ok()) << tokenizer_.status(); }

  // Ids of `text`, each checked to be in the vocabulary, the last to be </s>.
  std::vector<int64_t> EncodeChecked(std::string_view text) const {
    const auto ids = tokenizer_->Encode(text);
    if (!ids.ok()) {
      ADD_FAILURE() << ids.status();
      return {};
    }
    EXPECT_TRUE(std::all_of(ids->begin(), ids->end(),
                            [&](int64_t id) { return id >= 0 && id < tokenizer_->vocab_size(); }));
    EXPECT_EQ(ids->back(), 1);
    return *ids;
  }

  const absl::StatusOr<T5Tokenizer> tokenizer_ = T5Tokenizer::FromSerialized(SpieceModel());
};

TEST_F(TokenizerTest, VocabularyIsThePiecesAndAHundredSentinels) {
  EXPECT_EQ(tokenizer_->vocab_size(), 152 + 100);
}

TEST_F(TokenizerTest, PiecesNameEveryKindOfId) {
  EXPECT_THAT(tokenizer_->Pieces({0, 1, 2, 3, 42, 152, 251}),
              ElementsAre("<pad>", "</s>", "<unk>", "▁", "the", "<extra_id_99>", "<extra_id_0>"));
}

TEST_F(TokenizerTest, PiecesOfIdsOutOfRangeAreUnknown) {
  EXPECT_THAT(tokenizer_->Pieces({-1, 252, INT64_MAX, INT64_MIN}),
              ElementsAre("<unk>", "<unk>", "<unk>", "<unk>"));
}

TEST_F(TokenizerTest, AMovedTokenizerStillEncodes) {
  auto source = T5Tokenizer::FromSerialized(SpieceModel());
  ASSERT_TRUE(source.ok());
  const T5Tokenizer moved = *std::move(source);
  EXPECT_THAT(*moved.Encode("piano"), ElementsAre(70, 1));
}

// Client prompts are checked to be UTF-8, the command line's are not.
TEST_F(TokenizerTest, BytesThatAreNotUtf8BecomeUnknown) {
  const std::string cases[] = {
      "a\xff"s
      "b",
      "\xc3"s,
      "piano\xe2\x82"s,
      "\xf5\x80\x80\x80"s,
      "\xed\xa0\x80"s,
      "\xc0\x80"s,
      "\x80\x80\x80\x80"s};
  for (const auto& text : cases) {
    EXPECT_THAT(EncodeChecked(text), testing::Contains(2)) << testing::PrintToString(text);
  }
}

TEST_F(TokenizerTest, WhatFollowsANulIsNotLost) {
  const auto with_nul = EncodeChecked("piano\0strings"s);
  EXPECT_GT(with_nul.size(), EncodeChecked("piano").size() + 1);
}

TEST_F(TokenizerTest, RandomBytesGiveIdsOfTheVocabulary) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 64, '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    EncodeChecked(text);
  }
}

// Nothing is truncated: each repetition gives the same ids as the first.
TEST_F(TokenizerTest, AHundredKilobytesAreEncodedWhole) {
  std::string text;
  while (text.size() < 100'000) text += "piano ";
  const auto ids = EncodeChecked(text);
  EXPECT_EQ(ids.size(), text.size() / 6 + 1);
  EXPECT_TRUE(std::all_of(ids.begin(), ids.end() - 1, [](int64_t id) { return id == 70; }));
}

TEST_F(TokenizerTest, AHundredKilobytesOfOneCharacterOrOfSpecialTokensAreEncoded) {
  EncodeChecked(std::string(100'000, 'a'));
  EncodeChecked(std::string(100'000, '\xff'));
  EXPECT_EQ(EncodeChecked(std::string(100'000, ' ')).size(), 1);
  EncodeChecked(std::string(100'000, '<'));
  std::string sentinels;
  for (int i = 0; i < 8'000; ++i) sentinels += " <extra_id_7>";
  EXPECT_EQ(EncodeChecked(sentinels).size(), 8'001);
}

TEST_F(TokenizerTest, ManyThreadsEncodeAtOnce) {
  std::vector<std::vector<int64_t>> ids(4);
  std::vector<std::thread> threads;
  for (auto& result : ids) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) result = *tokenizer_->Encode("a slow piano ballad");
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : ids) EXPECT_THAT(result, ElementsAreArray(ids[0]));
  EXPECT_FALSE(ids[0].empty());
}

TEST(TokenizerErrors, BytesThatAreNoModel) {
  for (const std::string& bytes : {""s, "not a model"s, std::string(1000, '\0'),
                                   std::string(1000, '\xff'), SpieceModel().substr(0, 1000)}) {
    const auto tokenizer = T5Tokenizer::FromSerialized(bytes);
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument)
        << bytes.size() << " bytes";
    EXPECT_THAT(tokenizer.status().message(), HasSubstr("spiece.model"));
  }
}

// The name of a piece is replaced in the file by one of the same length.
TEST(TokenizerErrors, AModelWithoutASpecialPieceIsRefusedByItsName) {
  for (const std::string name : {"<pad>", "</s>"}) {
    std::string bytes = SpieceModel();
    const size_t at = bytes.find(name);
    ASSERT_NE(at, bytes.npos);
    bytes.replace(at, name.size(), std::string(name.size(), 'Q'));
    const auto tokenizer = T5Tokenizer::FromSerialized(bytes);
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(tokenizer.status().message(), HasSubstr(name));
  }
}

// SentencePiece itself would follow such a rule out of the table's memory.
TEST(TokenizerErrors, NormalizationRulesThatPointOutsideThemselvesAreRefused) {
  std::string bytes = SpieceModel();
  // In the file: the rules' name, a tag byte, a varint length, then the table,
  // which is a four-byte size and the root unit.
  const size_t name = bytes.find("nmt_nfkc");
  ASSERT_NE(name, bytes.npos);
  size_t length_end = name + 9;
  while ((bytes[length_end] & 0x80) != 0) ++length_end;
  const size_t root = length_end + 1 + 4;
  bytes.replace(root, 4, "\xff\xff\xff\x7f");
  const auto tokenizer = T5Tokenizer::FromSerialized(bytes);
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(tokenizer.status().message(), HasSubstr("normalization rules"));
}

// Whatever still opens must encode to ids of its own vocabulary, or refuse.
TEST(TokenizerErrors, ADamagedModelNeverCrashes) {
  const std::string intact = SpieceModel();
  std::mt19937 random(11);
  int opened = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = intact;
    // The pieces and settings lie at both ends, the normalization table
    // between.
    const size_t near_an_end = random() % 3000;
    const size_t at = i % 3 == 0   ? random() % bytes.size()
                      : i % 3 == 1 ? near_an_end
                                   : bytes.size() - 1 - near_an_end;
    bytes[at] = static_cast<char>(random());
    if (i % 10 == 0) bytes.resize(at);
    const auto tokenizer = T5Tokenizer::FromSerialized(bytes);
    if (!tokenizer.ok()) continue;
    ++opened;
    const auto ids = tokenizer->Encode("Solo Violin! caf\u00e9 \xff <extra_id_3>");
    if (!ids.ok()) continue;
    for (const int64_t id : *ids) {
      EXPECT_GE(id, 0);
      EXPECT_LT(id, tokenizer->vocab_size());
    }
  }
  EXPECT_GT(opened, 0) << "every damage was refused: the encoding of damaged models is untested";
}

}  // namespace
}  // namespace magnet
