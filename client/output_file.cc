#include "client/output_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace magnet::client {
namespace {

namespace fs = std::filesystem;

// Hidden files that exist now.
struct PartialFiles {
  absl::Mutex mutex;
  std::set<std::string> paths ABSL_GUARDED_BY(mutex);
};

PartialFiles& TheirList() {
  static PartialFiles* const list = new PartialFiles;
  return *list;
}

absl::Status Failed(const std::string& what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " \"", path, "\""));
}

bool IsDevice(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

// What a symbolic link leads to, or `path`.
fs::path Resolve(const fs::path& path) {
  std::error_code error;
  const fs::path resolved = fs::canonical(path, error);
  return error ? path : resolved;
}

mode_t FileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  if (IsDevice(path)) {
    const int device = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (device < 0) return Failed("write", path);
    return std::unique_ptr<OutputFile>(new OutputFile(device, ""));
  }
  const fs::path target = Resolve(path);
  if (fs::is_directory(target)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" is a folder"));
  }
  std::string name =
      (target.parent_path() / absl::StrCat(".", target.filename().string(), ".XXXXXX")).string();
  PartialFiles& list = TheirList();
  absl::MutexLock lock(&list.mutex);
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return Failed("create a file beside", path);
  list.paths.insert(name);
  fchmod(file, FileMode());
  return std::unique_ptr<OutputFile>(new OutputFile(file, name));
}

OutputFile::~OutputFile() {
  if (file_descriptor_ >= 0) close(file_descriptor_);
  if (partial_path_.empty()) return;
  PartialFiles& list = TheirList();
  absl::MutexLock lock(&list.mutex);
  unlink(partial_path_.c_str());
  list.paths.erase(partial_path_);
}

absl::Status OutputFile::Append(const std::string& data) {
  size_t written = 0;
  while (written < data.size()) {
    const ssize_t count = write(file_descriptor_, data.data() + written, data.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "cannot write the output");
    written += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Commit(const std::string& path) {
  if (partial_path_.empty()) return absl::OkStatus();
  if (fsync(file_descriptor_) != 0 || close(std::exchange(file_descriptor_, -1)) != 0) {
    return Failed("write", path);
  }
  PartialFiles& list = TheirList();
  absl::MutexLock lock(&list.mutex);
  if (rename(partial_path_.c_str(), Resolve(path).c_str()) != 0) return Failed("create", path);
  list.paths.erase(std::exchange(partial_path_, ""));
  return absl::OkStatus();
}

void OutputFile::RemovePartialFiles() {
  PartialFiles& list = TheirList();
  absl::MutexLock lock(&list.mutex);
  for (const std::string& path : list.paths) unlink(path.c_str());
}

}  // namespace magnet::client
