// Owns an open file descriptor.
#ifndef MAGNET_MODEL_FILE_DESCRIPTOR_H_
#define MAGNET_MODEL_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace magnet {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (is_open()) close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_FILE_DESCRIPTOR_H_
