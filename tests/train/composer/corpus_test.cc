#include "train/composer/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numbers>

#include "train/composer/loudness.h"
#include "train/musicbench_dataset.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  const std::string folder = ::testing::TempDir() + "corpus_" + name;
  fs::remove_all(folder);
  return folder;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> Contents(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder)] = ReadFile(entry.path());
  }
  return files;
}

CorpusOptions SmallCorpus(const std::string& folder) {
  CorpusOptions options;
  options.folder = folder;
  options.hours = 6 * 10 / 3600.0;
  return options;
}

std::vector<float> Sine(double level, int sample_rate_hz) {
  std::vector<float> samples(static_cast<size_t>(5 * sample_rate_hz));
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(
        level * std::sin(2 * std::numbers::pi * 997 * static_cast<double>(i) / sample_rate_hz));
  }
  return samples;
}

// If it fails: levels are not what meters elsewhere show. BS.1770: a full-scale 997 Hz sine in one
// channel is -3.01.
TEST(Loudness, FullScaleSineIsMinusThree) {
  EXPECT_NEAR(IntegratedLoudness(Sine(1, 48000), 48000), -3.01, 0.05);
  EXPECT_NEAR(IntegratedLoudness(Sine(1, 32000), 32000), -3.01, 0.05);
  EXPECT_NEAR(IntegratedLoudness(Sine(0.1, 32000), 32000), -23.01, 0.05);
}

// If it fails: clips are too loud or quiet, or clip.
TEST(Loudness, MasterReachesTheTargetUnderTheCeiling) {
  std::vector<float> samples = Sine(0.02, 32000);
  samples[40000] = 0.9f;  // a click that gain alone would drive far over full scale
  Master(samples, 32000, -17, 0.9f);
  EXPECT_NEAR(IntegratedLoudness(samples, 32000), -17, 0.5);
  for (const float sample : samples) ASSERT_LE(std::abs(sample), 0.9f);
  std::vector<float> silence(32000, 0.0f);
  Master(silence, 32000, -17, 0.9f);
  EXPECT_EQ(silence, std::vector<float>(32000, 0.0f));
}

// If it fails: what is written is not what the reader, the codec and evaluation expect.
TEST(Corpus, WritesTheFormat) {
  const std::string folder = FreshFolder("format");
  const auto report = WriteCorpus(SmallCorpus(folder));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GE(report->num_rendered, 6);
  auto dataset =
      MusicBenchDataset::Open({folder + "/MusicBench_train.json", folder, BadRowPolicy::kFail});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(static_cast<int>(dataset->rows().size()), report->num_train);
  const std::string truth = ReadFile(folder + "/truth_train.jsonl");
  for (const MusicBenchRow& row : dataset->rows()) {
    EXPECT_EQ(OriginalLocation(row.location), row.location) << "would pass as an augmented copy";
    EXPECT_EQ(row.labels.size(), 6u) << "lead, style, drums, comping, pad, bass";
    EXPECT_THAT(truth, HasSubstr("\"" + row.location + "\",\"lead\":\"" + row.labels.at("lead") +
                                 "\",\"style\":\"" + row.labels.at("style") + "\""));
    SF_INFO info = {};
    SNDFILE* file = sf_open((folder + "/" + row.location).c_str(), SFM_READ, &info);
    ASSERT_NE(file, nullptr) << row.location;
    std::vector<float> samples(static_cast<size_t>(info.frames));
    sf_readf_float(file, samples.data(), info.frames);
    sf_close(file);
    EXPECT_EQ(info.samplerate, 32000);
    EXPECT_EQ(info.channels, 1);
    EXPECT_EQ(info.frames, 320000);
    const double loudness = IntegratedLoudness(samples, 32000);
    EXPECT_GT(loudness, -20) << row.location;
    EXPECT_LT(loudness, -14) << row.location;
    for (const float sample : samples)
      ASSERT_LT(std::abs(sample), 0.99f) << "clips: " << row.location;
  }
}

// If it fails: the data set cannot be made again, or depends on how many cores made it.
TEST(Corpus, ThreadsChangeNothing) {
  CorpusOptions one = SmallCorpus(FreshFolder("one")), two = SmallCorpus(FreshFolder("two"));
  two.num_threads = 2;
  ASSERT_TRUE(WriteCorpus(one).ok());
  ASSERT_TRUE(WriteCorpus(two).ok());
  EXPECT_TRUE(Contents(one.folder) == Contents(two.folder));
}

// If it fails: an interrupted run starts again, or ends with other clips than an unbroken one.
TEST(Corpus, GoesOnWithWhatIsMissing) {
  const CorpusOptions options = SmallCorpus(FreshFolder("resumed"));
  ASSERT_TRUE(WriteCorpus(options).ok());
  const auto whole = Contents(options.folder);
  fs::remove(options.folder + "/data/1-000001-1.wav");
  fs::remove(options.folder + "/MusicBench_train.json");
  std::ofstream(options.folder + "/data/1-000001-1.wav.tmp") << "half a clip";
  const auto report = WriteCorpus(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->num_rendered, 1);
  EXPECT_TRUE(Contents(options.folder) == whole);
}

// If it fails: clips of two seeds are mixed under one set of captions.
TEST(Corpus, RefusesAFolderOfAnotherSeed) {
  CorpusOptions options = SmallCorpus(FreshFolder("seeds"));
  fs::create_directories(options.folder);
  std::ofstream(options.folder + "/composed.json") << R"({"seed": 99})";
  const auto report = WriteCorpus(options);
  ASSERT_EQ(report.status().code(), absl::StatusCode::kFailedPrecondition) << report.status();
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("\"seed\":99"));
}

// If it fails: a person without the soundfont is not told what to install.
TEST(Corpus, MissingSoundfontNamesThePackage) {
  CorpusOptions options = SmallCorpus(FreshFolder("soundfont"));
  options.soundfont = "/no/such.sf2";
  const auto report = WriteCorpus(options);
  ASSERT_EQ(report.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("fluid-soundfont-gm"));
  options.soundfont = ::testing::TempDir() + "not.sf2";
  std::ofstream(options.soundfont) << "text";
  EXPECT_EQ(WriteCorpus(options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace magnet
