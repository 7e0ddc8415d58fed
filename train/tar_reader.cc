#include "train/tar_reader.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace magnet {
namespace {

constexpr size_t kBlockBytes = 512;
constexpr uint64_t kMaxNameBytes = uint64_t{64} * 1024;
constexpr uint64_t kMaxMemberBytes = uint64_t{1} << 30;

using Block = std::array<char, kBlockBytes>;

std::string TextField(const Block& block, size_t offset, size_t length) {
  const char* begin = block.data() + offset;
  return std::string(begin, strnlen(begin, length));
}

// Octal digits, or GNU's binary form for sizes of 8 GiB and more.
uint64_t NumberField(const Block& block, size_t offset, size_t length) {
  uint64_t value = 0;
  const bool binary = static_cast<unsigned char>(block[offset]) & 0x80;
  for (size_t i = offset + (binary ? 1 : 0); i < offset + length; ++i) {
    const char c = block[i];
    if (binary) {
      value = value << 8 | static_cast<unsigned char>(c);
    } else if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<uint64_t>(c - '0');
    }
  }
  return value;
}

bool HasRightChecksum(const Block& block) {
  constexpr size_t kOffset = 148, kLength = 8;
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    const bool inside = i >= kOffset && i < kOffset + kLength;
    sum += inside ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum == NumberField(block, kOffset, kLength);
}

// The value of `path` in a pax record list ("<length> path=<value>\n"...), or "".
std::string PaxPath(const std::string& records) {
  size_t at = 0;
  while (at < records.size()) {
    const size_t length = std::strtoul(records.c_str() + at, nullptr, 10);
    const size_t space = records.find(' ', at);
    if (length == 0 || space == std::string::npos || length > records.size() - at ||
        space >= at + length)
      return "";
    const std::string record = records.substr(space + 1, at + length - space - 2);
    if (record.rfind("path=", 0) == 0) return record.substr(5);
    at += length;
  }
  return "";
}

}  // namespace

struct TarReader::State {
  std::string path;
  gzFile file = nullptr;
  std::string name;
  uint64_t unread = 0;   // bytes of the member
  uint64_t padding = 0;  // bytes after it

  ~State() {
    if (file) gzclose(file);
  }

  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat(path, ": ", std::string(what), " after '", name, "' (download it again?)"));
  }

  bool ReadBytes(char* to, uint64_t count) {
    while (count > 0) {
      const auto wanted = static_cast<unsigned>(std::min<uint64_t>(count, 1u << 20));
      const int got = gzread(file, to, wanted);
      if (got <= 0) return false;
      to += got;
      count -= static_cast<uint64_t>(got);
    }
    return true;
  }

  bool Skip(uint64_t count) {
    std::array<char, 16384> scratch;
    while (count > 0) {
      const uint64_t part = std::min<uint64_t>(count, scratch.size());
      if (!ReadBytes(scratch.data(), part)) return false;
      count -= part;
    }
    return true;
  }

  absl::StatusOr<std::string> ReadMember() {
    std::string bytes(unread, '\0');
    if (!ReadBytes(bytes.data(), unread) || !Skip(padding))
      return Damaged("the archive ends early or is damaged");
    unread = padding = 0;
    return bytes;
  }
};

TarReader::TarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader& TarReader::operator=(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

absl::StatusOr<TarReader> TarReader::Open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->file = gzopen(path.c_str(), "rb");
  if (!state->file)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  gzbuffer(state->file, 1u << 18);
  return TarReader(std::move(state));
}

absl::StatusOr<bool> TarReader::Next() {
  std::string long_name;
  while (true) {
    if (!state_->Skip(state_->unread + state_->padding))
      return state_->Damaged("the archive ends early");
    Block header;
    const int got = gzread(state_->file, header.data(), kBlockBytes);
    if (got == 0 && gzeof(state_->file)) return false;
    if (got != static_cast<int>(kBlockBytes))
      return state_->Damaged("the archive ends early or is damaged");
    if (std::all_of(header.begin(), header.end(), [](char c) { return c == 0; })) return false;
    if (!HasRightChecksum(header)) return state_->Damaged("not a tar header (wrong checksum)");

    state_->unread = NumberField(header, 124, 12);
    state_->padding = (kBlockBytes - state_->unread % kBlockBytes) % kBlockBytes;
    const char type = header[156];
    const bool names_next = type == 'L' || type == 'x';
    if (state_->unread > (names_next ? kMaxNameBytes : kMaxMemberBytes))
      return state_->Damaged("a member too large");
    if (names_next) {
      auto text = state_->ReadMember();
      if (!text.ok()) return text.status();
      const std::string name = type == 'L' ? std::string(text->c_str()) : PaxPath(*text);
      if (!name.empty()) long_name = name;
      continue;
    }
    const std::string prefix =
        std::memcmp(header.data() + 257, "ustar\0", 6) == 0 ? TextField(header, 345, 155) : "";
    const std::string name = TextField(header, 0, 100);
    state_->name = !long_name.empty() ? long_name
                   : prefix.empty()   ? name
                                      : absl::StrCat(prefix, "/", name);
    if (state_->name.rfind("./", 0) == 0) state_->name.erase(0, 2);
    long_name.clear();
    if (type == '0' || type == '\0') return true;
  }
}

const std::string& TarReader::name() const { return state_->name; }

absl::StatusOr<std::string> TarReader::Read() { return state_->ReadMember(); }

}  // namespace magnet
