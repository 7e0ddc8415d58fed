// The bytes of a file, mapped rather than read.
#ifndef MAGNET_MODEL_CHECKPOINT_FILE_BYTES_H_
#define MAGNET_MODEL_CHECKPOINT_FILE_BYTES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace magnet {

// Shared by everything that points into it; unmapped with its last owner.
// Whoever shortens a mapped file kills the process that reads it (SIGBUS), so
// model files are replaced by renaming, never rewritten in place.
class FileBytes {
 public:
  // NOT_FOUND or FAILED_PRECONDITION (not a regular file), naming the path.
  static absl::StatusOr<std::shared_ptr<FileBytes>> Map(const std::string& path);

  // Bytes made in memory; `name` stands for the path in messages.
  static std::shared_ptr<FileBytes> Own(std::string name, std::string bytes);

  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }

  // Changing them changes no file: pages are copied when written to.
  char* mutable_data() { return data_; }

  // Gives back the memory of bytes [begin, end), as far as whole pages of a mapped file lie in it.
  // They are read from the file again when they are wanted; what was written to them is lost.
  void Release(size_t begin, size_t end);

 private:
  FileBytes() = default;

  std::string path_;
  std::string owned_;
  char* data_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_FILE_BYTES_H_
