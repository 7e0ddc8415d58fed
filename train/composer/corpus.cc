#include "train/composer/corpus.h"

#include <sndfile.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "train/composer/clip.h"
#include "train/composer/describe.h"
#include "train/composer/loudness.h"
#include "train/composer/mix.h"
#include "train/composer/song.h"
#include "train/composer/synthesizer.h"
#include "train/musicbench_row.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Changes whenever the same seed would no longer give the same clips.
constexpr int kComposerVersion = 2;
constexpr int kTestEvery = 18;  // songs
constexpr float kPeakCeiling = 0.92f;
constexpr double kFadeInSeconds = 0.004;
constexpr double kFadeOutSeconds = 0.03;

struct PlannedSong {
  int index = 0;
  Song song;
  std::vector<Clip> clips;
};

Random SongRandom(uint64_t seed, int index) {
  return Random(seed).Fork(absl::StrCat("clips of song ", index));
}

PlannedSong Plan(uint64_t seed, int index) {
  PlannedSong planned{index, ComposeSong(seed, index), {}};
  planned.clips = CutClips(planned.song, SongRandom(seed, index));
  return planned;
}

std::string Location(uint64_t seed, int song, size_t clip) {
  return absl::StrFormat("data/%d-%06d-%d.wav", seed, song, clip);
}

bool IsTest(int song) { return song % kTestEvery == 0; }

absl::Status WriteText(const fs::path& path, const std::string& text) {
  const fs::path unfinished = path.string() + ".tmp";
  std::ofstream out(unfinished, std::ios::binary);
  out << text;
  out.close();
  std::error_code error;
  if (out) fs::rename(unfinished, path, error);
  if (!out || error)
    return absl::DataLossError(absl::StrCat(path.string(), ": cannot be written (disk full?)"));
  return absl::OkStatus();
}

absl::Status WriteWav(const fs::path& path, const std::vector<float>& samples) {
  const std::string unfinished = path.string() + ".tmp";
  SF_INFO info = {};
  info.samplerate = kCorpusSampleRateHz;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(unfinished.c_str(), SFM_WRITE, &info);
  if (!file) return absl::DataLossError(absl::StrCat(unfinished, ": ", sf_strerror(nullptr)));
  const auto count = static_cast<sf_count_t>(samples.size());
  const bool written = sf_writef_float(file, samples.data(), count) == count;
  const bool closed = sf_close(file) == 0;
  std::error_code error;
  if (written && closed) fs::rename(unfinished, path, error);
  if (!written || !closed || error) {
    return absl::DataLossError(absl::StrCat(path.string(), ": cannot be written (disk full?)"));
  }
  return absl::OkStatus();
}

std::vector<float> CutAndMaster(const std::vector<float>& song, double start_s,
                                double target_lufs) {
  const auto first = static_cast<size_t>(std::lround(start_s * kCorpusSampleRateHz));
  const auto length = static_cast<size_t>(kClipSeconds * kCorpusSampleRateHz);
  std::vector<float> clip(length, 0.0f);
  for (size_t i = 0; i < length && first + i < song.size(); ++i) clip[i] = song[first + i];
  FadeEnds(clip, static_cast<int>(kFadeInSeconds * kCorpusSampleRateHz),
           static_cast<int>(kFadeOutSeconds * kCorpusSampleRateHz));
  Master(clip, kCorpusSampleRateHz, target_lufs, kPeakCeiling);
  return clip;
}

// One writer of clips per thread.
class Worker {
 public:
  Worker(const CorpusOptions& options, std::unique_ptr<Synthesizer> synthesizer)
      : options_(options), synthesizer_(std::move(synthesizer)) {}

  // Renders those clips of the song that are missing; returns how many.
  absl::StatusOr<int> Render(const PlannedSong& planned) {
    std::vector<size_t> missing;
    for (size_t i = 0; i < planned.clips.size(); ++i) {
      if (!fs::exists(PathOf(planned.index, i))) missing.push_back(i);
    }
    if (missing.empty()) return 0;
    auto tracks = synthesizer_->Play(planned.song.score);
    if (!tracks.ok()) return tracks.status();
    Random random = SongRandom(options_.seed, planned.index).Fork("mix");
    const MixSettings settings = PickMix(random);
    const double target_lufs = random.Uniform(-17.7, -16.3);
    const std::vector<float> mix = Mix(*std::move(tracks), settings, kCorpusSampleRateHz);
    for (const size_t i : missing) {
      const auto status = WriteWav(PathOf(planned.index, i),
                                   CutAndMaster(mix, planned.clips[i].start_s, target_lufs));
      if (!status.ok()) return status;
    }
    return static_cast<int>(missing.size());
  }

 private:
  fs::path PathOf(int song, size_t clip) const {
    return fs::path(options_.folder) / Location(options_.seed, song, clip);
  }

  const CorpusOptions& options_;
  std::unique_ptr<Synthesizer> synthesizer_;
};

std::string InstrumentName(int program) {
  return program < 0 ? "none" : std::string(ProgramName(program));
}

std::map<std::string, std::string> Labels(const ClipFacts& facts) {
  return {{"lead", std::string(facts.lead->name)},
          {"style", std::string(facts.style->name)},
          {"drums", facts.drums ? "drums" : "none"},
          {"comping", InstrumentName(facts.comping_program)},
          {"pad", InstrumentName(facts.pad_program)},
          {"bass", InstrumentName(facts.bass_program)}};
}

MusicBenchRow MakeRow(const ClipFacts& facts, const std::string& location, Random random) {
  MusicBenchRow row;
  row.dataset = "MusicBench";
  row.location = location;
  row.main_caption = Describe(facts, random);
  row.alt_caption = Describe(facts, random);
  const ControlSentences controls = DescribeControls(facts, random);
  row.prompt_ch = controls.chords;
  row.prompt_bt = controls.beats;
  row.prompt_bpm = controls.bpm;
  row.prompt_key = controls.key;
  row.beat_times_s = facts.beat_times_s;
  row.beat_positions.assign(facts.beat_positions.begin(), facts.beat_positions.end());
  row.bpm = facts.bpm;
  row.chords = facts.chords;
  row.chord_times_s = facts.chord_times_s;
  row.key_root = TonicName(facts.key);
  row.key_mode = ModeName(facts.key.mode);
  row.key_probability = 1;
  row.labels = Labels(facts);
  return row;
}

std::string MakeTruth(const ClipFacts& facts, const std::string& location) {
  const auto name = [](int program) {
    return program < 0 ? Json(nullptr) : Json(std::string(ProgramName(program)));
  };
  Json truth;
  truth["location"] = location;
  truth["lead"] = std::string(facts.lead->name);
  truth["style"] = std::string(facts.style->name);
  truth["meter"] = std::string(MeterName(facts.meter));
  truth["drums"] = facts.drums ? std::string(facts.drums->name) : "none";
  truth["key"] = {TonicName(facts.key), ModeName(facts.key.mode)};
  truth["bpm"] = facts.bpm;
  truth["named_bpm"] = facts.named_bpm;
  truth["comping"] = name(facts.comping_program);
  truth["pad"] = name(facts.pad_program);
  truth["bass"] = name(facts.bass_program);
  return truth.dump() + "\n";
}

absl::Status WriteRows(const CorpusOptions& options, const std::vector<PlannedSong>& songs) {
  std::string train, test_a, test_b, truth_train, truth_test;
  for (const PlannedSong& planned : songs) {
    for (size_t i = 0; i < planned.clips.size(); ++i) {
      const ClipFacts& facts = planned.clips[i].facts;
      const std::string location = Location(options.seed, planned.index, i);
      MusicBenchRow row =
          MakeRow(facts, location, SongRandom(options.seed, planned.index).Fork(location));
      const bool test = IsTest(planned.index);
      absl::StrAppend(test ? &test_a : &train, FormatMusicBenchRow(row), "\n");
      absl::StrAppend(test ? &truth_test : &truth_train, MakeTruth(facts, location));
      if (!test) continue;
      for (std::string* caption : {&row.main_caption, &row.alt_caption}) {
        if (caption->back() != '.') caption->push_back('.');
        absl::StrAppend(caption, " ", row.prompt_ch, " ", row.prompt_bt, " ", row.prompt_bpm, " ",
                        row.prompt_key);
      }
      absl::StrAppend(&test_b, FormatMusicBenchRow(row), "\n");
    }
  }
  const std::pair<const char*, const std::string*> files[] = {
      {"truth_train.jsonl", &truth_train}, {"truth_test_A.jsonl", &truth_test},
      {"truth_test_B.jsonl", &truth_test}, {"MusicBench_train.json", &train},
      {"MusicBench_test_A.json", &test_a}, {"MusicBench_test_B.json", &test_b}};
  for (const auto& [name, text] : files) {
    if (auto status = WriteText(fs::path(options.folder) / name, *text); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

// Refuses a folder whose clips were made otherwise; signs a new one.
absl::Status Sign(const CorpusOptions& options) {
  std::error_code error;
  const fs::path folder = options.folder;
  fs::create_directories(folder / "data", error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(options.folder, ": ", error.message()));
  Json sign;
  sign["composer_version"] = kComposerVersion;
  sign["seed"] = options.seed;
  sign["soundfont"] = fs::path(options.soundfont).filename().string();
  sign["soundfont_bytes"] = fs::file_size(options.soundfont, error);
  const fs::path path = folder / "composed.json";
  if (!fs::exists(path)) return WriteText(path, sign.dump(2) + "\n");
  std::ifstream in(path);
  const Json found = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (found == sign) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path.string(), ": the folder's clips were made with ", found.dump(),
                   ", this run would use ", sign.dump(), "; choose another folder"));
}

std::vector<PlannedSong> PlanSongs(const CorpusOptions& options) {
  const double wanted = std::ceil(options.hours * 3600 / kClipSeconds);
  std::vector<PlannedSong> songs;
  size_t clips = 0;
  while (static_cast<double>(clips) < wanted) {
    songs.push_back(Plan(options.seed, static_cast<int>(songs.size()) + 1));
    songs.back().song.score = {};  // composed again when it is rendered: hours of notes are large
    clips += songs.back().clips.size();
  }
  return songs;
}

absl::StatusOr<int> RenderAll(const CorpusOptions& options, const std::vector<PlannedSong>& songs,
                              int num_clips) {
  std::vector<Worker> workers;
  for (int i = 0; i < std::max(options.num_threads, 1); ++i) {
    auto synthesizer = Synthesizer::Load(options.soundfont, kCorpusSampleRateHz);
    if (!synthesizer.ok()) return synthesizer.status();
    workers.emplace_back(options, *std::move(synthesizer));
  }
  std::atomic<size_t> next = 0;
  std::mutex mutex;  // guards status, done, rendered and on_progress
  absl::Status status;
  int done = 0, rendered = 0;
  const auto work = [&](Worker& worker) {
    for (size_t i = next++; i < songs.size(); i = next++) {
      const auto count = worker.Render(Plan(options.seed, songs[i].index));
      const std::lock_guard lock(mutex);
      if (!count.ok()) status.Update(count.status());
      if (!status.ok()) return;
      rendered += *count;
      done += static_cast<int>(songs[i].clips.size());
      options.on_progress(done, num_clips);
    }
  };
  options.on_progress(0, num_clips);
  std::vector<std::thread> threads;
  for (Worker& worker : workers) threads.emplace_back(work, std::ref(worker));
  for (std::thread& thread : threads) thread.join();
  if (!status.ok()) return status;
  return rendered;
}

}  // namespace

absl::StatusOr<CorpusReport> WriteCorpus(const CorpusOptions& options) {
  if (!fs::exists(options.soundfont)) {
    return Synthesizer::Load(options.soundfont, kCorpusSampleRateHz).status();
  }
  if (auto status = Sign(options); !status.ok()) return status;
  const std::vector<PlannedSong> songs = PlanSongs(options);
  CorpusReport report;
  report.num_songs = static_cast<int>(songs.size());
  for (const PlannedSong& planned : songs) {
    (IsTest(planned.index) ? report.num_test : report.num_train) +=
        static_cast<int>(planned.clips.size());
  }
  const auto rendered = RenderAll(options, songs, report.num_train + report.num_test);
  if (!rendered.ok()) return rendered.status();
  report.num_rendered = *rendered;
  if (auto status = WriteRows(options, songs); !status.ok()) return status;
  return report;
}

}  // namespace magnet
