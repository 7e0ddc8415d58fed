#include "train/clip_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/train/lm_run.h"
#include "train/annotations.h"

namespace magnet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MusicBenchRow Labelled(const std::string& attribute, const std::string& value) {
  MusicBenchRow row;
  row.labels[attribute] = value;
  return row;
}

// Breaks where a model is taught attributes in another order at every start, or one that is
// the same for all clips.
TEST(ClipLabelsTest, AreWhatTheRowsDifferIn) {
  const std::string folder = TestFolder("label_kinds");
  WriteTinyData(folder, /*num_clips=*/8, WithLabels::kYes);
  const auto clips = CodeSet::Open(folder + "/codes");
  ASSERT_TRUE(clips.ok()) << clips.status();
  const auto kinds = LabelKinds(*clips);
  ASSERT_TRUE(kinds.ok()) << kinds.status();
  ASSERT_EQ(kinds->size(), 2u) << "all have the same collection";
  EXPECT_EQ((*kinds)[0].attribute, "lead");
  EXPECT_THAT((*kinds)[0].values, ElementsAre("other", "violin"));
  EXPECT_EQ((*kinds)[1].attribute, "loud");
  EXPECT_THAT((*kinds)[1].values, ElementsAre("no", "yes"));
}

// Breaks where a clip that says nothing of an attribute, or something new, is taught a value.
TEST(ClipLabelsTest, UnknownValuesAreUnlabelled) {
  const LabelKind lead{"lead", {"cello", "piano", "violin"}};
  EXPECT_EQ(LabelClass(lead, Labelled("lead", "cello")), 0);
  EXPECT_EQ(LabelClass(lead, Labelled("lead", "violin")), 2);
  EXPECT_EQ(LabelClass(lead, Labelled("lead", "drum")), kUnlabelled);
  EXPECT_EQ(LabelClass(lead, Labelled("lead", "zither")), kUnlabelled);
  EXPECT_EQ(LabelClass(lead, Labelled("style", "cello")), kUnlabelled);
}

// Breaks where titles, or names of files, are taken for labels and fill the memory.
TEST(ClipLabelsTest, TooManyValuesAreRefusedByName) {
  const std::string folder = TestFolder("label_values");
  auto writer = CodeShardWriter::Create(folder, {1, 16, 50, "codec"});
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int i = 0; i <= kMaxLabelValues; ++i) {
    MusicBenchRow row = Labelled("title", std::to_string(i));
    row.location = "data/a.wav";
    row.main_caption = "music";
    ASSERT_TRUE(writer->Add(row, torch::zeros({1, 1}, torch::kLong)).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
  const auto clips = CodeSet::Open(folder);
  ASSERT_TRUE(clips.ok()) << clips.status();
  const auto kinds = LabelKinds(*clips);
  ASSERT_EQ(kinds.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(kinds.status().message()), HasSubstr("'title'"));
  EXPECT_THAT(std::string(kinds.status().message()), HasSubstr("found 1001"));
}

}  // namespace
}  // namespace magnet
