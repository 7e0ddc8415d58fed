// If these fail, what people type for weights, times, guidance or steps reaches
// the server as something else.
#include "client/prompt_syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace magnet::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseMix, SplitsTextsAndWeights) {
  const auto mix = ParseMix(" piano *2 | soft rain|birds * 0.5");
  ASSERT_TRUE(mix.ok()) << mix.status();
  ASSERT_EQ(mix->prompts_size(), 3);
  EXPECT_EQ(mix->prompts(0).text(), "piano");
  EXPECT_EQ(mix->prompts(0).weight(), 2);
  EXPECT_EQ(mix->prompts(1).text(), "soft rain");
  EXPECT_FALSE(mix->prompts(1).has_weight());
  EXPECT_EQ(mix->prompts(2).weight(), 0.5);
  EXPECT_EQ(mix->start_seconds(), 0);
}

TEST(ParseMix, BackslashTakesTheMeaningAway) {
  const auto mix = ParseMix(R"(a\|b\*3 c\\d e\f*4)");
  ASSERT_TRUE(mix.ok()) << mix.status();
  ASSERT_EQ(mix->prompts_size(), 1);
  EXPECT_EQ(mix->prompts(0).text(), R"(a|b*3 c\d e\f)");
  EXPECT_EQ(mix->prompts(0).weight(), 4);
}

TEST(ParseMix, RefusesWhatIsNoMix) {
  for (const char* text : {"", "a|", "|a", "a*0", "a*-1", "a*x", "a*", "*2", "a*inf", "a*2*3"}) {
    EXPECT_FALSE(ParseMix(text).ok()) << text;
  }
  EXPECT_THAT(std::string(ParseMix("a*b").status().message()), HasSubstr("got \"b\""));
}

TEST(ParseSection, ReadsTheStartAndKeepsLaterColons) {
  const auto section = ParseSection("8.5: choir: loud*2|organ");
  ASSERT_TRUE(section.ok()) << section.status();
  EXPECT_EQ(section->start_seconds(), 8.5);
  EXPECT_EQ(section->prompts(0).text(), "choir: loud");
  EXPECT_EQ(section->prompts_size(), 2);
  for (const char* text : {"choir", "x: choir", "-1: choir", "3:", ": choir"}) {
    EXPECT_FALSE(ParseSection(text).ok()) << text;
  }
}

TEST(ParseRange, NeedsAStartBeforeAnEnd) {
  const auto range = ParseRange("2.0-4.5");
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->start_seconds(), 2);
  EXPECT_EQ(range->end_seconds(), 4.5);
  for (const char* text : {"", "2", "4-2", "2-2", "-1-2", "1-2-3", "a-b"}) {
    EXPECT_FALSE(ParseRange(text).ok()) << text;
  }
}

TEST(ParseGuidance, TakesOneOrTwoNumbers) {
  EXPECT_EQ(ParseGuidance("10:1")->max, 10);
  EXPECT_EQ(ParseGuidance("10:1")->min, 1);
  EXPECT_FALSE(ParseGuidance("3")->min.has_value());
  for (const char* text : {"", ":1", "1:", "1:2:3", "-1", "x"}) {
    EXPECT_FALSE(ParseGuidance(text).ok()) << text;
  }
}

TEST(ParseSteps, TakesNumbersOfAtLeastOne) {
  EXPECT_THAT(*ParseSteps("20,10,10,10"), ElementsAre(20, 10, 10, 10));
  for (const char* text : {"", "0", "1,,2", "1.5", "-3"}) {
    EXPECT_FALSE(ParseSteps(text).ok()) << text;
  }
}

TEST(ParseSecondsList, TakesLengthsOverZero) {
  EXPECT_THAT(*ParseSecondsList("2,5.5"), ElementsAre(2, 5.5));
  EXPECT_FALSE(ParseSecondsList("2,0").ok());
}

}  // namespace
}  // namespace magnet::client
