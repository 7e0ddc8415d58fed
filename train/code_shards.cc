#include "train/code_shards.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/checkpoint/atomic_file.h"
#include "model/checkpoint/safetensors.h"
#include "model/strict_json.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;

std::string ShardPath(const std::string& folder, int index) {
  return absl::StrFormat("%s/shard-%05d.safetensors", folder, index);
}

std::string IndexPath(const std::string& folder) { return folder + "/index.json"; }

absl::Status ShardError(const std::string& path, const std::string& problem) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", problem));
}

struct Index {
  CodeSetInfo info;
  int num_shards = 0;
  int64_t num_clips = 0;
};

absl::StatusOr<Index> ReadIndex(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat(path, ": not there: `magnet-train encode` has not finished"));
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  absl::StatusOr<json> document = ParseStrictJson(text, JsonLimits{});
  if (!document.ok()) return ShardError(path, std::string(document.status().message()));
  try {
    if (document->at("format").get<int>() != kFormat) {
      return ShardError(path, absl::StrCat("expected format ", kFormat, ", found ",
                                           document->at("format").get<int>()));
    }
    Index index;
    index.info.num_codebooks = document->at("num_codebooks").get<int>();
    index.info.card = document->at("card").get<int>();
    index.info.frame_rate_hz = document->at("frame_rate_hz").get<double>();
    index.info.codec_fingerprint = document->at("codec_fingerprint").get<std::string>();
    index.num_shards = document->at("num_shards").get<int>();
    index.num_clips = document->at("num_clips").get<int64_t>();
    return index;
  } catch (const json::exception& error) {
    return ShardError(path, error.what());
  }
}

}  // namespace

absl::StatusOr<CodeShardWriter> CodeShardWriter::Create(const std::string& folder, CodeSetInfo info,
                                                        int clips_per_shard) {
  if (info.card < 1 || info.card > 32'767) {
    return absl::InvalidArgumentError(
        absl::StrCat("codebook_size: expected 1 to 32767, found ", info.card));
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::remove(IndexPath(folder), error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": cannot be written: ", error.message()));
  }
  return CodeShardWriter(folder, std::move(info), clips_per_shard);
}

absl::Status CodeShardWriter::Add(const MusicBenchRow& row, const torch::Tensor& codes) {
  codes_.push_back(codes.t().to(torch::kCPU, torch::kShort).contiguous());
  absl::StrAppend(&rows_, FormatMusicBenchRow(row), "\n");
  ++num_clips_;
  if (static_cast<int>(codes_.size()) < clips_per_shard_) return absl::OkStatus();
  return WriteShard();
}

absl::Status CodeShardWriter::WriteShard() {
  torch::Tensor offsets = torch::zeros({static_cast<int64_t>(codes_.size()) + 1}, torch::kLong);
  for (size_t i = 0; i < codes_.size(); ++i) {
    offsets[i + 1] = offsets[i] + codes_[i].size(0);
  }
  torch::Tensor rows = torch::empty({static_cast<int64_t>(rows_.size())}, torch::kByte);
  std::memcpy(rows.data_ptr(), rows_.data(), rows_.size());
  const TensorMap tensors = {{"codes", torch::cat(codes_)}, {"offsets", offsets}, {"rows", rows}};
  codes_.clear();
  rows_.clear();
  return WriteSafetensors(tensors, {}, ShardPath(folder_, num_shards_++));
}

absl::Status CodeShardWriter::Finish() {
  if (!codes_.empty()) {
    if (absl::Status status = WriteShard(); !status.ok()) return status;
  }
  const nlohmann::ordered_json index = {{"format", kFormat},
                                        {"num_codebooks", info_.num_codebooks},
                                        {"card", info_.card},
                                        {"frame_rate_hz", info_.frame_rate_hz},
                                        {"codec_fingerprint", info_.codec_fingerprint},
                                        {"num_shards", num_shards_},
                                        {"num_clips", num_clips_}};
  return WriteFileAtomically(IndexPath(folder_), index.dump(/*indent=*/2) + "\n");
}

absl::StatusOr<CodeSet> CodeSet::Open(const std::string& folder) {
  absl::StatusOr<Index> index = ReadIndex(IndexPath(folder));
  if (!index.ok()) return index.status();
  CodeSet set;
  set.info_ = index->info;
  for (int shard = 0; shard < index->num_shards; ++shard) {
    if (absl::Status status = set.AddShard(ShardPath(folder, shard)); !status.ok()) return status;
  }
  if (set.size() != index->num_clips || set.size() == 0) {
    return ShardError(IndexPath(folder), absl::StrCat("expected ", index->num_clips,
                                                      " clips (at least 1), found ", set.size()));
  }
  return set;
}

absl::Status CodeSet::AddShard(const std::string& path) {
  absl::StatusOr<SafetensorsFile> file = ReadSafetensors(path);
  if (!file.ok()) return file.status();
  for (const char* name : {"codes", "offsets", "rows"}) {
    if (file->tensors.count(name) == 0) return ShardError(path, absl::StrCat(name, ": missing"));
  }
  const torch::Tensor codes = file->tensors["codes"];
  const torch::Tensor offsets = file->tensors["offsets"];
  const torch::Tensor rows = file->tensors["rows"];
  if (codes.dim() != 2 || codes.size(1) != info_.num_codebooks ||
      codes.scalar_type() != torch::kShort || offsets.scalar_type() != torch::kLong ||
      rows.scalar_type() != torch::kByte) {
    return ShardError(path, absl::StrCat("codes: expected [frames, ", info_.num_codebooks,
                                         "] int16, found ", c10::str(codes.sizes())));
  }
  if (codes.numel() > 0 &&
      (codes.min().item<int64_t>() < 0 || codes.max().item<int64_t>() >= info_.card)) {
    return ShardError(path, absl::StrCat("codes: expected values from 0 to ", info_.card - 1));
  }
  std::istringstream lines(
      std::string(static_cast<const char*>(rows.data_ptr()), static_cast<size_t>(rows.numel())));
  const auto* offset = offsets.data_ptr<int64_t>();
  for (int64_t clip = 0; clip + 1 < offsets.numel(); ++clip) {
    std::string line;
    std::getline(lines, line);
    absl::StatusOr<MusicBenchRow> row = ParseMusicBenchRow(line);
    if (!row.ok()) {
      return ShardError(path, absl::StrCat("row of clip ", clip, ": ", row.status().message()));
    }
    if (offset[clip] < 0 || offset[clip + 1] <= offset[clip] || offset[clip + 1] > codes.size(0)) {
      return ShardError(path, absl::StrCat("offsets: expected to rise from clip ", clip));
    }
    clips_.push_back(
        {*std::move(row), codes.narrow(0, offset[clip], offset[clip + 1] - offset[clip])});
  }
  return absl::OkStatus();
}

torch::Tensor CodeSet::Codes(int64_t clip, int64_t begin, int64_t count) const {
  return clips_[clip].codes.narrow(0, begin, count).t().to(torch::kLong).contiguous();
}

}  // namespace magnet
