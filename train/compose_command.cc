#include "train/compose_command.h"

#include <unistd.h>

#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "train/cli/flag_set.h"
#include "train/composer/corpus.h"
#include "train/progress_bar.h"

namespace magnet {
namespace {

absl::Status CheckRanges(double hours, int64_t seed, int64_t threads) {
  if (!(hours > 0 && hours <= 10000))
    return absl::InvalidArgumentError("--hours: expected more than 0, at most 10000");
  if (seed < 0) return absl::InvalidArgumentError("--seed: expected 0 or more");
  if (threads < 1 || threads > 256)
    return absl::InvalidArgumentError("--threads: expected 1 to 256");
  return absl::OkStatus();
}

absl::StatusOr<CorpusReport> WriteWithProgress(CorpusOptions options) {
  std::optional<ProgressBar> bar;
  int last_done = 0;
  options.on_progress = [&](int done, int total) {
    if (!bar) bar.emplace(std::cerr, isatty(STDERR_FILENO) != 0, 0, total);
    bar->Update(done, done - last_done, "clips");
    last_done = done;
  };
  auto report = WriteCorpus(options);
  if (bar) bar->Finish();
  return report;
}

}  // namespace

absl::Status RunCompose(const std::vector<std::string>& arguments) {
  CorpusOptions options;
  int64_t seed = 1, threads = 1;
  FlagSet flags(
      "compose",
      "Composes and renders a data set in MusicBench's format. Goes on where it was cut off.");
  flags.Require("out", &options.folder, "folder to write to");
  flags.Add("hours", &options.hours, "how much music");
  flags.Add("seed", &seed, "which music");
  flags.Add("threads", &threads, "songs rendered at a time");
  flags.Add("soundfont", &options.soundfont, "General MIDI soundfont");
  if (auto status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return absl::OkStatus();
  }
  if (auto status = CheckRanges(options.hours, seed, threads); !status.ok()) return status;
  options.seed = static_cast<uint64_t>(seed);
  options.num_threads = static_cast<int>(threads);
  const auto report = WriteWithProgress(options);
  if (!report.ok()) return report.status();
  std::cout << report->num_songs << " songs, " << report->num_train << " clips to train, "
            << report->num_test << " to test, " << report->num_rendered
            << " of them rendered now: " << options.folder << "\n";
  return absl::OkStatus();
}

}  // namespace magnet
