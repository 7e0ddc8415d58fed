// The records of a zip file that compresses nothing, as torch.save writes it.
#ifndef MAGNET_MODEL_CHECKPOINT_ZIP_ARCHIVE_H_
#define MAGNET_MODEL_CHECKPOINT_ZIP_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/checkpoint/file_bytes.h"

namespace magnet {

// Reads the central directory of a zip or zip64 file (APPNOTE 6.3). Everything
// is checked against the file's size; records may not overlap, so that a small
// file cannot stand for a large amount of data.
class ZipArchive {
 public:
  // Why a record's checksum may go unchecked: mutation tests of what reads it.
  enum class Checksums { kVerify, kIgnore };

  static absl::StatusOr<ZipArchive> Open(std::shared_ptr<FileBytes> file,
                                         Checksums checksums = Checksums::kVerify);

  // The bytes of the record whose name ends in `/name`, below the one top
  // folder. NOT_FOUND, or DATA_LOSS where its CRC-32 differs.
  absl::StatusOr<std::string_view> Read(const std::string& name) const;
  bool Contains(const std::string& name) const { return records_.contains(name); }

  const std::shared_ptr<FileBytes>& file() const { return file_; }

 private:
  struct Record {
    uint64_t offset = 0;
    uint64_t size = 0;
    uint32_t crc32 = 0;
  };
  friend class ZipDirectoryReader;

  ZipArchive() = default;

  std::shared_ptr<FileBytes> file_;
  std::map<std::string, Record> records_;  // by name below the top folder
  Checksums checksums_ = Checksums::kVerify;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_ZIP_ARCHIVE_H_
