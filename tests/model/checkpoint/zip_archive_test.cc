// Zip files in both formats, and such that lie about their sizes.
#include "model/checkpoint/zip_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/zip_writer.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

const std::map<std::string, std::string>& TwoRecords() {
  static const auto& records = *new std::map<std::string, std::string>{
      {"top/data.pkl", "pickle"}, {"top/data/0", std::string(100, 'x')}};
  return records;
}

absl::StatusOr<ZipArchive> OpenZip(const std::string& bytes) {
  return ZipArchive::Open(FileBytes::Own("a.zip", bytes));
}

std::string OpenZipError(const std::string& bytes) {
  const auto archive = OpenZip(bytes);
  return archive.ok() ? "" : std::string(archive.status().message());
}

std::string Replaced(std::string bytes, const std::string& from, const std::string& to) {
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << "nothing to replace";
  return bytes.replace(at, from.size(), to);
}

// If it fails: checkpoints of more than 4 GiB, which torch.save writes as zip64,
// cannot be imported.
TEST(ZipArchiveTest, BothFormatsGiveTheSameRecords) {
  for (const ZipFormat format : {ZipFormat::kZip32, ZipFormat::kZip64}) {
    const auto archive = OpenZip(ZipBytes(TwoRecords(), format));
    ASSERT_TRUE(archive.ok()) << archive.status();
    EXPECT_EQ(*archive->Read("data.pkl"), "pickle");
    EXPECT_EQ(*archive->Read("data/0"), std::string(100, 'x'));
    EXPECT_EQ(archive->Read("data/1").status().code(), absl::StatusCode::kNotFound);
  }
}

// If it fails: 64-bit fields of a hostile file reach beyond its memory.
TEST(ZipArchiveTest, LiesOfTheLargeFormatAreRefused) {
  const std::string good = ZipBytes(TwoRecords(), ZipFormat::kZip64);
  const std::string extra = LittleEndian(1, 2) + LittleEndian(24, 2);
  EXPECT_THAT(OpenZipError(Replaced(good, extra, LittleEndian(1, 2) + LittleEndian(8, 2))),
              HasSubstr("zip64 sizes"));
  EXPECT_THAT(OpenZipError(Replaced(good, extra, LittleEndian(1, 2) + LittleEndian(9999, 2))),
              HasSubstr("zip64 sizes"));
  EXPECT_THAT(OpenZipError(Replaced(good, extra + LittleEndian(6, 8) + LittleEndian(6, 8),
                                    extra + std::string(16, '\xff'))),
              HasSubstr("reach beyond the data"))
      << "a size near 2^64 must not wrap around";
  EXPECT_THAT(OpenZipError(Replaced(good, extra + LittleEndian(6, 8), extra + LittleEndian(7, 8))),
              HasSubstr("two different sizes"));
  EXPECT_THAT(OpenZipError(Replaced(good, "PK\6\6", "PK\6\1")),
              HasSubstr("no zip64 end of central directory"));
  const std::string locator = "PK\6\7" + LittleEndian(0, 4);
  const size_t at = good.find(locator) + locator.size();
  std::string far_end = good;
  far_end.replace(at, 8, std::string(8, '\xff'));
  EXPECT_THAT(OpenZipError(far_end), HasSubstr("no zip64 end of central directory"));
  std::string many = good;
  many.replace(good.find("PK\6\6") + 32, 8, std::string(8, '\x7f'));
  EXPECT_THAT(OpenZipError(many), HasSubstr("a central directory of"));
}

// If it fails: a small file can stand for a large amount of data.
TEST(ZipArchiveTest, OverlappingRecordsAreRefused) {
  std::string bytes = ZipBytes({{"top/a", "0123"}, {"top/b", "4567"}});
  const size_t first = bytes.find("PK\1\2");
  const size_t second = bytes.find("PK\1\2", first + 4);
  bytes.replace(second + 42, 4, LittleEndian(0, 4));
  EXPECT_THAT(OpenZipError(bytes), HasSubstr("overlap"));
}

TEST(ZipArchiveTest, WhatTorchNeverWritesIsNamed) {
  EXPECT_THAT(OpenZipError(ZipBytes({{"a", "1"}})), HasSubstr("\"a\" is in no folder"));
  EXPECT_THAT(OpenZipError(ZipBytes({{"a/x", "1"}, {"b/x", "1"}})),
              HasSubstr("more than one top folder"));
  std::string compressed = ZipBytes({{"a/x", "1"}});
  compressed[compressed.find("PK\1\2") + 10] = 8;
  EXPECT_THAT(OpenZipError(compressed), HasSubstr("compressed (method 8)"));
  std::string encrypted = ZipBytes({{"a/x", "1"}});
  encrypted[encrypted.find("PK\1\2") + 8] = 1;
  EXPECT_THAT(OpenZipError(encrypted), HasSubstr("encrypted"));
}

}  // namespace
}  // namespace magnet
