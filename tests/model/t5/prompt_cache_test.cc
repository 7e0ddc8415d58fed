// If these fail, prompts are encoded again and again, get another prompt's
// states, or the cache grows without bound.
#include "model/t5/prompt_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace magnet {
namespace {

torch::Tensor States(float value) { return torch::full({2, 4}, value); }  // 32 bytes

float ValueOf(const std::optional<torch::Tensor>& states) {
  return states.has_value() ? states->view({-1})[0].item<float>() : -1;
}

TEST(PromptCache, FindsExactlyWhatWasKept) {
  PromptCache cache({});
  EXPECT_FALSE(cache.Find("piano").has_value());
  cache.Insert("piano", States(1));
  cache.Insert("Piano", States(2));
  cache.Insert("", States(3));
  EXPECT_EQ(ValueOf(cache.Find("piano")), 1);
  EXPECT_EQ(ValueOf(cache.Find("Piano")), 2);
  EXPECT_EQ(ValueOf(cache.Find("")), 3);
  EXPECT_FALSE(cache.Find(std::string("piano\0", 6)).has_value());
  EXPECT_EQ(cache.hits(), 3);
  EXPECT_EQ(cache.misses(), 2);
}

TEST(PromptCache, KeepsTheTextAfterTheCallersIsGone) {
  PromptCache cache({});
  {
    std::string text = "a text too long for the short string optimisation of any library";
    cache.Insert(text, States(1));
    text.assign(text.size(), 'x');
  }
  EXPECT_EQ(ValueOf(cache.Find("a text too long for the short string optimisation of any library")),
            1);
}

TEST(PromptCache, DropsTheLeastRecentlyUsed) {
  PromptCache cache({.max_entries = 2});
  cache.Insert("a", States(1));
  cache.Insert("b", States(2));
  EXPECT_EQ(ValueOf(cache.Find("a")), 1);
  cache.Insert("c", States(3));
  EXPECT_FALSE(cache.Find("b").has_value()) << "b was used longest ago";
  EXPECT_EQ(ValueOf(cache.Find("a")), 1);
  EXPECT_EQ(ValueOf(cache.Find("c")), 3);
  EXPECT_EQ(cache.size(), 2);
}

TEST(PromptCache, ReplacesAnEntryOfTheSameText) {
  PromptCache cache({});
  cache.Insert("a", States(1));
  cache.Insert("a", States(2));
  EXPECT_EQ(ValueOf(cache.Find("a")), 2);
  EXPECT_EQ(cache.size(), 1);
  EXPECT_EQ(cache.bytes(), 33);
}

TEST(PromptCache, HoldsItsLimitOfBytes) {
  PromptCache cache({.max_entries = 100, .max_bytes = 70});
  cache.Insert("a", States(1));
  cache.Insert("b", States(2));
  EXPECT_EQ(cache.bytes(), 66);
  cache.Insert("c", States(3));
  EXPECT_EQ(cache.size(), 2);
  EXPECT_FALSE(cache.Find("a").has_value());
  cache.Insert(std::string(50, 'x'), States(4));
  EXPECT_EQ(cache.size(), 2) << "an entry above the whole limit must not empty the cache";
  EXPECT_EQ(ValueOf(cache.Find("c")), 3);
}

TEST(PromptCache, NoEntriesMeansOff) {
  PromptCache cache({.max_entries = 0});
  cache.Insert("a", States(1));
  EXPECT_FALSE(cache.Find("a").has_value());
  EXPECT_EQ(cache.size(), 0);
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace magnet
