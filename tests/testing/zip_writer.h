// Writes zip files that compress nothing, in the original and the 64-bit format.
#ifndef MAGNET_TESTS_TESTING_ZIP_WRITER_H_
#define MAGNET_TESTS_TESTING_ZIP_WRITER_H_

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <map>
#include <string>

namespace magnet {

inline std::string LittleEndian(uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

enum class ZipFormat { kZip32, kZip64 };

// Data begin at multiples of 64, as torch.save aligns them: the local header's
// extra field fills the gap. kZip64: every size, offset and count is in the
// 64-bit fields only, the others hold their "look there" value.
inline std::string ZipBytes(const std::map<std::string, std::string>& records,
                            ZipFormat format = ZipFormat::kZip32) {
  constexpr size_t kLocalHeader = 30, kExtraHeader = 4, kAlignment = 64;
  const bool large = format == ZipFormat::kZip64;
  std::string file, directory;
  for (const auto& [name, data] : records) {
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size());
    const std::string common = LittleEndian(0, 2) + LittleEndian(0, 2) + LittleEndian(0, 4) +
                               LittleEndian(crc, 4);  // flags, method, time
    const std::string sizes = LittleEndian(data.size(), 4) + LittleEndian(data.size(), 4);
    const size_t header = file.size();
    const size_t unaligned = header + kLocalHeader + name.size() + kExtraHeader;
    const size_t gap = (kAlignment - unaligned % kAlignment) % kAlignment;
    file += "PK\3\4" + LittleEndian(20, 2) + common + sizes + LittleEndian(name.size(), 2) +
            LittleEndian(kExtraHeader + gap, 2) + name + "FB" + LittleEndian(gap, 2) +
            std::string(gap, 'Z') + data;
    const std::string extra = large ? LittleEndian(1, 2) + LittleEndian(24, 2) +
                                          LittleEndian(data.size(), 8) +
                                          LittleEndian(data.size(), 8) + LittleEndian(header, 8)
                                    : "";
    directory += "PK\1\2" + LittleEndian(20, 2) + LittleEndian(20, 2) + common +
                 (large ? std::string(8, '\xff') : sizes) + LittleEndian(name.size(), 2) +
                 LittleEndian(extra.size(), 2) + LittleEndian(0, 2) + LittleEndian(0, 2) +
                 LittleEndian(0, 2) + LittleEndian(0, 4) +
                 (large ? std::string(4, '\xff') : LittleEndian(header, 4)) + name + extra;
  }
  const size_t start = file.size();
  file += directory;
  if (large) {
    const size_t end64 = file.size();
    file += "PK\6\6" + LittleEndian(44, 8) + LittleEndian(45, 2) + LittleEndian(45, 2) +
            LittleEndian(0, 4) + LittleEndian(0, 4) + LittleEndian(records.size(), 8) +
            LittleEndian(records.size(), 8) + LittleEndian(directory.size(), 8) +
            LittleEndian(start, 8);
    file += "PK\6\7" + LittleEndian(0, 4) + LittleEndian(end64, 8) + LittleEndian(1, 4);
  }
  const auto small = [&](uint64_t value, int num_bytes) {
    return large ? std::string(static_cast<size_t>(num_bytes), '\xff')
                 : LittleEndian(value, num_bytes);
  };
  return file + "PK\5\6" + LittleEndian(0, 4) + small(records.size(), 2) +
         small(records.size(), 2) + small(directory.size(), 4) + small(start, 4) +
         LittleEndian(0, 2);
}

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_ZIP_WRITER_H_
