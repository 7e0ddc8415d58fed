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

namespace magnet {
namespace {

absl::Status ReadError(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

}  // namespace

absl::StatusOr<std::shared_ptr<FileBytes>> FileBytes::Map(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ReadError(path, "cannot be opened");
  std::shared_ptr<FileBytes> file(new FileBytes);
  file->path_ = path;
  struct stat info;
  absl::Status status;
  if (fstat(fd, &info) != 0) {
    status = ReadError(path, "cannot be examined");
  } else if (!S_ISREG(info.st_mode)) {
    status = absl::FailedPreconditionError(absl::StrCat(path, ": expected a regular file"));
  } else if (info.st_size > 0) {
    file->size_ = static_cast<size_t>(info.st_size);
    void* data = mmap(nullptr, file->size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
                      /*offset=*/0);
    if (data == MAP_FAILED) {
      status = ReadError(path, "cannot be mapped");
    } else {
      file->data_ = static_cast<char*>(data);
      file->mapped_ = true;
    }
  }
  close(fd);
  if (!status.ok()) return status;
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

FileBytes::~FileBytes() {
  if (mapped_) munmap(data_, size_);
}

}  // namespace magnet
