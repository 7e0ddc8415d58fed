#include "model/checkpoint/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

absl::Status WriteError(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

absl::Status SyncFolder(const std::string& file_path) {
  std::string folder = std::filesystem::path(file_path).parent_path().string();
  if (folder.empty()) folder = ".";
  const FileDescriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open()) return WriteError(folder, "cannot be opened");
  if (fsync(descriptor.get()) != 0) return WriteError(folder, "cannot be made durable");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  static std::atomic<int> counter{0};
  AtomicFile file;
  file.path_ = path;
  file.temporary_path_ = absl::StrCat(path, ".tmp-", getpid(), "-", counter.fetch_add(1));
  file.descriptor_ = FileDescriptor(
      open(file.temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.descriptor_.is_open()) {
    absl::Status status = WriteError(file.temporary_path_, "cannot be created");
    file.temporary_path_.clear();
    return status;
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, "")),
      descriptor_(std::move(other.descriptor_)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

absl::Status AtomicFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return WriteError(path_, "cannot be written");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(descriptor_.get()) != 0) return WriteError(path_, "cannot be made durable");
  if (close(descriptor_.release()) != 0) return WriteError(path_, "cannot be closed");
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    return WriteError(path_, "cannot be replaced");
  }
  temporary_path_.clear();
  return SyncFolder(path_);
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Write(bytes); !status.ok()) return status;
  return file->Commit();
}

}  // namespace magnet
