#include "train/musicbench_dataset.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "train/random.h"
#include "train/tar_reader.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNamed = 5;

std::string ReadWhole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

}  // namespace

void NamedCount::Add(const std::string& name) {
  ++count;
  if (named.size() < kMaxNamed) named.push_back(name);
}

absl::StatusOr<MusicBenchDataset> MusicBenchDataset::Open(const MusicBenchOptions& options) {
  std::ifstream in(options.rows, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(options.rows, ": cannot be opened"));
  if (!fs::exists(options.audio)) {
    return absl::NotFoundError(absl::StrCat(options.audio, ": no such folder or archive of audio"));
  }
  MusicBenchDataset dataset;
  dataset.audio_ = options.audio;
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    auto row = ParseMusicBenchRow(line);
    if (row.ok()) {
      dataset.rows_.push_back(*std::move(row));
      continue;
    }
    const std::string complaint =
        absl::StrCat(options.rows, ":", number, ": ", row.status().message());
    if (options.bad_rows == BadRowPolicy::kFail) return absl::InvalidArgumentError(complaint);
    dataset.bad_rows_.Add(complaint);
  }
  if (in.bad())
    return absl::DataLossError(absl::StrCat(options.rows, ": cannot be read to its end"));
  return dataset;
}

int64_t MusicBenchDataset::RemoveRelatedTo(const std::vector<MusicBenchRow>& rows) {
  std::set<std::string> originals;
  for (const MusicBenchRow& row : rows) originals.insert(OriginalLocation(row.location));
  return static_cast<int64_t>(std::erase_if(rows_, [&](const MusicBenchRow& row) {
    return originals.contains(OriginalLocation(row.location));
  }));
}

void MusicBenchDataset::KeepOnly(const std::set<std::string>& locations) {
  std::erase_if(rows_, [&](const MusicBenchRow& row) { return !locations.contains(row.location); });
}

absl::StatusOr<NamedCount> MusicBenchDataset::ForEachAudio(const Visitor& visit) const {
  return fs::is_directory(audio_) ? ForEachInFolder(visit) : ForEachInArchive(visit);
}

absl::StatusOr<NamedCount> MusicBenchDataset::ForEachInFolder(const Visitor& visit) const {
  NamedCount missing;
  for (const MusicBenchRow& row : rows_) {
    const fs::path path = fs::path(audio_) / row.location;
    if (!fs::is_regular_file(path)) {
      missing.Add(row.location);
      continue;
    }
    if (auto status = visit(row, ReadWhole(path)); !status.ok()) return status;
  }
  return missing;
}

absl::StatusOr<NamedCount> MusicBenchDataset::ForEachInArchive(const Visitor& visit) const {
  auto archive = TarReader::Open(audio_);
  if (!archive.ok()) return archive.status();
  std::multimap<std::string, const MusicBenchRow*> wanted;
  for (const MusicBenchRow& row : rows_) wanted.emplace(row.location, &row);
  while (true) {
    const auto more = archive->Next();
    if (!more.ok()) return more.status();
    if (!*more) break;
    const auto [begin, end] = wanted.equal_range(archive->name());
    if (begin == end) continue;
    const auto audio = archive->Read();
    if (!audio.ok()) return audio.status();
    for (auto entry = begin; entry != end; ++entry) {
      if (auto status = visit(*entry->second, *audio); !status.ok()) return status;
    }
    wanted.erase(begin, end);
  }
  NamedCount missing;
  for (const auto& [location, row] : wanted) missing.Add(location);
  return missing;
}

Subset SubsetOf(const std::string& location, double validation_fraction, uint64_t seed) {
  Random random = Random(seed).Fork(OriginalLocation(location));
  return random.Chance(validation_fraction) ? Subset::kValidation : Subset::kTraining;
}

}  // namespace magnet
