#include "model/checkpoint/file_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/file_descriptor.h"

namespace magnet {
namespace {

absl::Status ReadError(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

}  // namespace

absl::StatusOr<std::shared_ptr<FileBytes>> FileBytes::Map(const std::string& path) {
  const FileDescriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor.is_open()) return ReadError(path, "cannot be opened");
  std::shared_ptr<FileBytes> file(new FileBytes);
  file->path_ = path;
  struct stat info;
  if (fstat(descriptor.get(), &info) != 0) return ReadError(path, "cannot be examined");
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": expected a regular file"));
  }
  if (info.st_size == 0) return file;
  file->size_ = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, file->size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                    descriptor.get(), /*offset=*/0);
  if (data == MAP_FAILED) return ReadError(path, "cannot be mapped");
  file->data_ = static_cast<char*>(data);
  file->mapped_ = true;
  return file;
}

std::shared_ptr<FileBytes> FileBytes::Own(std::string name, std::string bytes) {
  std::shared_ptr<FileBytes> file(new FileBytes);
  file->path_ = std::move(name);
  file->owned_ = std::move(bytes);
  file->data_ = file->owned_.data();
  file->size_ = file->owned_.size();
  return file;
}

void FileBytes::Release(size_t begin, size_t end) {
  if (!mapped_) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t first = (begin + page - 1) / page * page, last = end / page * page;
  if (first < last) madvise(data_ + first, last - first, MADV_DONTNEED);
}

FileBytes::~FileBytes() {
  if (mapped_) munmap(data_, size_);
}

}  // namespace magnet
