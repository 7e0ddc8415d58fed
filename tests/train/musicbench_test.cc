#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "tests/testing/testdata.h"
#include "train/captions.h"
#include "train/musicbench_dataset.h"
#include "train/tar_reader.h"

namespace magnet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSample[] = "musicbench-sample";

MusicBenchOptions SampleOptions(const std::string& rows, const std::string& audio) {
  return {TestdataPath(std::string(kSample) + "/" + rows),
          TestdataPath(std::string(kSample) + audio)};
}

MusicBenchDataset OpenSample(const std::string& rows = "MusicBench_train.json",
                             const std::string& audio = "") {
  auto dataset = MusicBenchDataset::Open(SampleOptions(rows, audio));
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return *std::move(dataset);
}

// If it fails: fields of published rows are lost or mixed up.
TEST(MusicBenchRow, ReadsEveryPublishedField) {
  const MusicBenchRow row = OpenSample().rows()[4];
  EXPECT_EQ(row.dataset, "MusicBench");
  EXPECT_EQ(row.location, "data/sample5.wav");
  EXPECT_THAT(row.main_caption, HasSubstr("number 5"));
  EXPECT_THAT(row.alt_caption, HasSubstr("take 5"));
  EXPECT_EQ(row.prompt_bpm, "The bpm is 120.");
  EXPECT_THAT(row.chords, ElementsAre("Bm7b5/A", "G/D", "Cmaj7"));
  EXPECT_THAT(row.chord_times_s, ElementsAre(0, 3.2, 6.4));
  EXPECT_THAT(row.beat_times_s, ElementsAre(0.1, 0.6, 1.1, 1.6));
  EXPECT_THAT(row.beat_positions, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(row.bpm, 43);
  EXPECT_EQ(row.key_root + " " + row.key_mode, "F# minor");
  EXPECT_EQ(row.key_probability, 0.82);
}

// If it fails: clips in which nothing was detected are refused or get invented values.
TEST(MusicBenchRow, NullTempoAndEmptyListsStayEmpty) {
  const MusicBenchRow row = OpenSample().rows()[3];
  EXPECT_FALSE(row.bpm.has_value());
  EXPECT_TRUE(row.chords.empty());
  EXPECT_TRUE(row.beat_times_s.empty());
}

// If it fails: a row that we write is read back as another.
TEST(MusicBenchRow, FormatThenParseIsTheSame) {
  const MusicBenchDataset dataset = OpenSample();
  for (const MusicBenchRow& row : dataset.rows()) {
    const std::string line = FormatMusicBenchRow(row);
    const auto again = ParseMusicBenchRow(line);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(FormatMusicBenchRow(*again), line);
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

// If it fails: labels that a person added are lost on the way, or nonsense is taken for them.
TEST(MusicBenchRow, LabelsAreKeptAndChecked) {
  const MusicBenchDataset dataset = OpenSample();
  MusicBenchRow row = dataset.rows().front();
  EXPECT_TRUE(row.labels.empty());
  EXPECT_EQ(FormatMusicBenchRow(row).find("labels"), std::string::npos);
  row.labels = {{"lead", "violin"}, {"style", "m\u00fcsette"}};
  const std::string line = FormatMusicBenchRow(row);
  const auto again = ParseMusicBenchRow(line);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->labels, row.labels);
  const size_t at = line.find("\"violin\"");
  const auto wrong = ParseMusicBenchRow(line.substr(0, at) + "7" + line.substr(at + 8));
  EXPECT_THAT(std::string(wrong.status().message()),
              HasSubstr("field 'labels': expected an object of strings, found {\"lead\":7"));
}

// If it fails: augmented copies are not recognised, or other clips are taken for copies.
TEST(MusicBenchRow, OriginalOfACopy) {
  EXPECT_EQ(OriginalLocation("data/abc_2.wav"), "data/abc.wav");
  EXPECT_EQ(OriginalLocation("data/abc_12.wav"), "data/abc.wav");
  EXPECT_EQ(OriginalLocation("data/abc.wav"), "data/abc.wav");
  EXPECT_EQ(OriginalLocation("data/a_b.wav"), "data/a_b.wav");
  EXPECT_EQ(OriginalLocation("data/abc2.wav"), "data/abc2.wav");
  EXPECT_EQ(OriginalLocation("data/_2.wav"), "data/_2.wav");
}

// If it fails: a person cannot find the bad row, or good rows are dropped with it.
TEST(MusicBenchDataset, SkipsAndNamesBadRows) {
  const MusicBenchDataset dataset = OpenSample();
  EXPECT_EQ(dataset.rows().size(), 7u);
  EXPECT_EQ(dataset.bad_rows().count, 5);
  EXPECT_THAT(
      dataset.bad_rows().named,
      ElementsAre(
          HasSubstr(
              "MusicBench_train.json:8: field 'bpm': expected a number or null, found \"fast\""),
          HasSubstr(":9: field 'chords_time': expected as many entries as chords (4), found 1"),
          HasSubstr(":10: field 'location': expected a relative path without '..'"),
          HasSubstr(":11: field 'prompt_key': is missing"),
          HasSubstr(":12: the line is not JSON")));
}

// If it fails: the strict option trains on a file that has bad rows.
TEST(MusicBenchDataset, FailsAtTheFirstBadRowWhenTold) {
  MusicBenchOptions options = SampleOptions("MusicBench_train.json", "");
  options.bad_rows = BadRowPolicy::kFail;
  const auto dataset = MusicBenchDataset::Open(options);
  ASSERT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(":8: field 'bpm'"));
}

// If it fails: a wrong path ends in something other than its name.
TEST(MusicBenchDataset, NamesWhatIsNotThere) {
  const auto rows = MusicBenchDataset::Open(SampleOptions("nothing.json", ""));
  EXPECT_EQ(rows.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(rows.status().message()), HasSubstr("nothing.json"));
  const auto audio = MusicBenchDataset::Open(SampleOptions("MusicBench_train.json", "/no.tar.gz"));
  EXPECT_EQ(audio.status().code(), absl::StatusCode::kNotFound);
}

std::map<std::string, std::string> AllAudio(const MusicBenchDataset& dataset, NamedCount* missing) {
  std::map<std::string, std::string> audio;
  const auto result = dataset.ForEachAudio([&](const MusicBenchRow& row, std::string bytes) {
    audio[row.location] = std::move(bytes);
    return absl::OkStatus();
  });
  EXPECT_TRUE(result.ok()) << result.status();
  *missing = *result;
  return audio;
}

// If it fails: folder and published archive give different audio, or a missing clip is not
// reported.
TEST(MusicBenchDataset, FolderAndArchiveGiveTheSameAudio) {
  NamedCount missing_in_folder, missing_in_archive;
  const auto folder = AllAudio(OpenSample(), &missing_in_folder);
  const auto archive =
      AllAudio(OpenSample("MusicBench_train.json", "/MusicBench.tar.gz"), &missing_in_archive);
  EXPECT_EQ(folder.size(), 6u);
  EXPECT_EQ(folder, archive);
  EXPECT_EQ(folder.at("data/sample1.wav"),
            ReadTestdata(std::string(kSample) + "/data/sample1.wav"));
  EXPECT_EQ(missing_in_folder.count, 1);
  EXPECT_THAT(missing_in_folder.named, ElementsAre("data/gone.wav"));
  EXPECT_THAT(missing_in_archive.named, ElementsAre("data/gone.wav"));
}

// If it fails: an error of the caller is swallowed while reading goes on.
TEST(MusicBenchDataset, VisitorsErrorEndsReading) {
  for (const char* audio : {"", "/MusicBench.tar.gz"}) {
    int calls = 0;
    const auto result = OpenSample("MusicBench_train.json", audio)
                            .ForEachAudio([&](const MusicBenchRow&, const std::string&) {
                              ++calls;
                              return absl::ResourceExhaustedError("full");
                            });
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(calls, 1);
  }
}

// If it fails: test clips leak into training through their augmented copies.
TEST(MusicBenchDataset, RemovesCopiesOfTestClips) {
  MusicBenchDataset dataset = OpenSample();
  MusicBenchRow test;
  test.location = "data/sample1_2.wav";
  EXPECT_EQ(dataset.RemoveRelatedTo({test}), 3);
  for (const MusicBenchRow& row : dataset.rows()) {
    EXPECT_NE(OriginalLocation(row.location), "data/sample1.wav");
  }
}

// If it fails: the audio of clips that nobody wants is read.
TEST(MusicBenchDataset, OnlyTheAudioOfKeptRowsIsRead) {
  MusicBenchDataset dataset = OpenSample();
  const std::string kept = dataset.rows().front().location;
  dataset.KeepOnly({kept, "data/unknown.wav"});
  std::vector<std::string> read;
  const auto missing = dataset.ForEachAudio([&](const MusicBenchRow& row, const std::string&) {
    read.push_back(row.location);
    return absl::OkStatus();
  });
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_EQ(read, std::vector<std::string>{kept});
}

// If it fails: a clip is trained on and its augmented copy validates.
TEST(MusicBenchDataset, CopiesStayOnTheSideOfTheirOriginal) {
  int validation = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string clip =
        "data/clip" + std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i);
    const Subset subset = SubsetOf(clip + ".wav", 0.1, /*seed=*/3);
    EXPECT_EQ(SubsetOf(clip + "_1.wav", 0.1, 3), subset);
    EXPECT_EQ(SubsetOf(clip + "_17.wav", 0.1, 3), subset);
    validation += subset == Subset::kValidation;
  }
  EXPECT_GT(validation, 150);
  EXPECT_LT(validation, 250);
}

// If it fails: a download that was cut off is taken for the whole data set.
TEST(TarReader, CutOffArchiveIsDataLoss) {
  const std::string whole = ReadTestdata(std::string(kSample) + "/MusicBench.tar.gz");
  const std::string path = ::testing::TempDir() + "cut.tar.gz";
  std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() / 2);
  auto reader = TarReader::Open(path);
  ASSERT_TRUE(reader.ok());
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = reader->Next();
  EXPECT_EQ(more.status().code(), absl::StatusCode::kDataLoss) << more.status();
  EXPECT_THAT(std::string(more.status().message()), HasSubstr("cut.tar.gz"));
}

// If it fails: any file at all passes as an archive.
TEST(TarReader, OtherFilesAreRefused) {
  const std::string path = ::testing::TempDir() + "no.tar";
  std::ofstream(path, std::ios::binary) << std::string(2048, 'x');
  auto reader = TarReader::Open(path);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Next().status().code(), absl::StatusCode::kDataLoss);
}

MusicBenchRow CaptionedRow() {
  MusicBenchRow row;
  row.location = "data/x.wav";
  row.main_caption = "Main.";
  row.alt_caption = "Other.";
  row.prompt_ch = "Chords.";
  row.prompt_bpm = "Tempo.";
  row.prompt_key = "Key.";
  return row;
}

// If it fails: training uses another text than its configuration says.
TEST(Captions, MainOrAlternativeAlone) {
  const MusicBenchRow row = CaptionedRow();
  EXPECT_EQ(CaptionOf(row, {CaptionChoice::kMain, 0, 1}, 0), "Main.");
  EXPECT_EQ(CaptionOf(row, {CaptionChoice::kAlternative, 0, 1}, 0), "Other.");
  MusicBenchRow without = row;
  without.alt_caption = "";
  EXPECT_EQ(CaptionOf(without, {CaptionChoice::kAlternative, 0, 1}, 0), "Main.");
}

// If it fails: control sentences are lost, repeated, or empty ones leave blanks.
TEST(Captions, AllControlSentencesInRandomOrder) {
  std::set<std::string> texts;
  for (uint64_t draw = 0; draw < 200; ++draw)
    texts.insert(CaptionOf(CaptionedRow(), {CaptionChoice::kMain, 1, 1}, draw));
  EXPECT_EQ(texts.size(), 6u) << "three sentences have six orders";
  EXPECT_TRUE(texts.contains("Main. Chords. Tempo. Key."));
}

// If it fails: a resumed run sees other texts, or every epoch the same.
TEST(Captions, DependOnSeedAndDrawAlone) {
  const CaptionOptions options = {CaptionChoice::kEither, 0.5, 9};
  std::set<std::string> texts;
  for (uint64_t draw = 0; draw < 100; ++draw) {
    const std::string text = CaptionOf(CaptionedRow(), options, draw);
    EXPECT_EQ(text, CaptionOf(CaptionedRow(), options, draw));
    texts.insert(text);
  }
  EXPECT_GT(texts.size(), 15u);
}

}  // namespace
}  // namespace magnet
