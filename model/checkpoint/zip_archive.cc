#include "model/checkpoint/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kDirectorySignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64LocatorBytes = 20;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kDirectoryEntryBytes = 46;
constexpr size_t kLocalHeaderBytes = 30;
constexpr size_t kMaxCommentBytes = 0xFFFF;
constexpr uint64_t kMaxRecords = 1'000'000;
constexpr uint16_t kZip64ExtraId = 1;
constexpr uint16_t kEncryptedFlag = 1;

// Little-endian numbers at offsets that the caller has checked.
template <typename N>
N Load(std::string_view bytes, size_t offset) {
  N value;
  std::memcpy(&value, bytes.data() + offset, sizeof(N));
  return value;
}

bool Fits(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace

class ZipDirectoryReader {
 public:
  ZipDirectoryReader(std::shared_ptr<FileBytes> file, ZipArchive::Checksums checksums)
      : bytes_(file->bytes()) {
    archive_.file_ = std::move(file);
    archive_.checksums_ = checksums;
  }

  absl::StatusOr<ZipArchive> Run() {
    if (absl::Status status = FindDirectory(); !status.ok()) return status;
    uint64_t offset = directory_offset_;
    for (uint64_t i = 0; i < num_records_; ++i) {
      if (absl::Status status = ReadEntry(offset); !status.ok()) return status;
    }
    if (absl::Status status = CheckOverlaps(); !status.ok()) return status;
    return std::move(archive_);
  }

 private:
  template <typename... Parts>
  absl::Status Error(const Parts&... parts) const {
    return absl::InvalidArgumentError(
        absl::StrCat(archive_.file_->path(), ": not a readable zip file: ", parts...));
  }

  absl::Status FindDirectory() {
    if (bytes_.size() < kEndBytes) return Error("only ", bytes_.size(), " bytes");
    const size_t last = bytes_.size() - kEndBytes;
    const size_t first = last > kMaxCommentBytes ? last - kMaxCommentBytes : 0;
    for (size_t end = last + 1; end-- > first;) {
      if (Load<uint32_t>(bytes_, end) == kEndSignature) return ReadEnd(end);
    }
    return Error("no end of central directory");
  }

  absl::Status ReadEnd(size_t end) {
    num_records_ = Load<uint16_t>(bytes_, end + 10);
    directory_offset_ = Load<uint32_t>(bytes_, end + 16);
    directory_end_ = end;
    const bool has_locator =
        end >= kEnd64LocatorBytes &&
        Load<uint32_t>(bytes_, end - kEnd64LocatorBytes) == kEnd64LocatorSignature;
    if (has_locator) {
      const uint64_t end64 = Load<uint64_t>(bytes_, end - kEnd64LocatorBytes + 8);
      if (!Fits(end64, kEnd64Bytes, bytes_.size()) ||
          Load<uint32_t>(bytes_, end64) != kEnd64Signature) {
        return Error("no zip64 end of central directory at ", end64);
      }
      num_records_ = Load<uint64_t>(bytes_, end64 + 32);
      directory_offset_ = Load<uint64_t>(bytes_, end64 + 48);
      directory_end_ = end64;
    }
    if (num_records_ > kMaxRecords || directory_offset_ > directory_end_) {
      return Error("a central directory of ", num_records_, " records at ", directory_offset_);
    }
    return absl::OkStatus();
  }

  absl::Status ReadEntry(uint64_t& offset) {
    if (!Fits(offset, kDirectoryEntryBytes, directory_end_) ||
        Load<uint32_t>(bytes_, offset) != kDirectorySignature) {
      return Error("no directory entry at ", offset);
    }
    const size_t name_bytes = Load<uint16_t>(bytes_, offset + 28);
    const size_t extra_bytes = Load<uint16_t>(bytes_, offset + 30);
    const size_t comment_bytes = Load<uint16_t>(bytes_, offset + 32);
    const uint64_t total = kDirectoryEntryBytes + name_bytes + extra_bytes + comment_bytes;
    if (!Fits(offset, total, directory_end_)) return Error("a directory entry beyond the end");
    const std::string name(bytes_.substr(offset + kDirectoryEntryBytes, name_bytes));
    if (Load<uint16_t>(bytes_, offset + 8) & kEncryptedFlag) {
      return Error("record \"", name, "\" is encrypted");
    }
    if (const int method = Load<uint16_t>(bytes_, offset + 10); method != 0) {
      return Error("record \"", name, "\" is compressed (method ", method, ")");
    }
    uint64_t compressed = Load<uint32_t>(bytes_, offset + 20);
    ZipArchive::Record record{.offset = Load<uint32_t>(bytes_, offset + 42),
                              .size = Load<uint32_t>(bytes_, offset + 24),
                              .crc32 = Load<uint32_t>(bytes_, offset + 16)};
    const std::string_view extra =
        bytes_.substr(offset + kDirectoryEntryBytes + name_bytes, extra_bytes);
    if (!ReadZip64(extra, record, compressed)) return Error("record \"", name, "\": zip64 sizes");
    if (compressed != record.size) return Error("record \"", name, "\": two different sizes");
    offset += total;
    return AddRecord(name, record);
  }

  // The zip64 field holds, in this order, those values that did not fit.
  bool ReadZip64(std::string_view extra, ZipArchive::Record& record, uint64_t& compressed) const {
    while (extra.size() >= 4) {
      const uint16_t id = Load<uint16_t>(extra, 0);
      const uint16_t size = Load<uint16_t>(extra, 2);
      if (size > extra.size() - 4) return false;
      std::string_view field = extra.substr(4, size);
      extra.remove_prefix(4 + size);
      if (id != kZip64ExtraId) continue;
      for (uint64_t* value : {&record.size, &compressed, &record.offset}) {
        if (*value != 0xFFFFFFFF) continue;
        if (field.size() < sizeof(uint64_t)) return false;
        *value = Load<uint64_t>(field, 0);
        field.remove_prefix(sizeof(uint64_t));
      }
    }
    return true;
  }

  absl::Status AddRecord(const std::string& name, ZipArchive::Record record) {
    const uint64_t header = record.offset;
    if (!Fits(header, kLocalHeaderBytes, directory_offset_) ||
        Load<uint32_t>(bytes_, header) != kLocalSignature) {
      return Error("record \"", name, "\": no local header at ", header);
    }
    record.offset = header + kLocalHeaderBytes + Load<uint16_t>(bytes_, header + 26) +
                    Load<uint16_t>(bytes_, header + 28);
    if (!Fits(record.offset, record.size, directory_offset_)) {
      return Error("record \"", name, "\": ", record.size, " bytes at ", record.offset,
                   " reach beyond the data");
    }
    const size_t slash = name.find('/');
    if (slash == std::string::npos) return Error("record \"", name, "\" is in no folder");
    if (archive_.records_.empty()) folder_ = name.substr(0, slash);
    if (name.compare(0, slash, folder_) != 0) return Error("more than one top folder");
    if (!archive_.records_.emplace(name.substr(slash + 1), record).second) {
      return Error("record \"", name, "\" occurs twice");
    }
    return absl::OkStatus();
  }

  absl::Status CheckOverlaps() const {
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    for (const auto& [name, record] : archive_.records_) {
      if (record.size > 0) ranges.emplace_back(record.offset, record.size);
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i - 1].first + ranges[i - 1].second > ranges[i].first) {
        return Error("records overlap at ", ranges[i].first);
      }
    }
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  ZipArchive archive_;
  uint64_t directory_offset_ = 0;
  uint64_t directory_end_ = 0;
  uint64_t num_records_ = 0;
  std::string folder_;
};

absl::StatusOr<ZipArchive> ZipArchive::Open(std::shared_ptr<FileBytes> file, Checksums checksums) {
  return ZipDirectoryReader(std::move(file), checksums).Run();
}

absl::StatusOr<std::string_view> ZipArchive::Read(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) {
    return absl::NotFoundError(absl::StrCat(file_->path(), ": no record \"", name, "\""));
  }
  const Record& record = found->second;
  const std::string_view bytes = file_->bytes().substr(record.offset, record.size);
  if (checksums_ == Checksums::kVerify &&
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != record.crc32) {
    return absl::DataLossError(
        absl::StrCat(file_->path(), ": record \"", name, "\" is damaged: its CRC-32 differs"));
  }
  return bytes;
}

}  // namespace magnet
