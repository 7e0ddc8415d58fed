// A file that is either complete or not there.
#ifndef MAGNET_CLIENT_OUTPUT_FILE_H_
#define MAGNET_CLIENT_OUTPUT_FILE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace magnet::client {

// Bytes go to a hidden file in the target's folder, which Commit() gives its
// name; until then a file of that name is untouched. Not thread-safe.
class OutputFile {
 public:
  // `path` only says which folder; Commit() names the file. If `path` is a
  // device or pipe, bytes go there directly. Errors name the path.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);

  // Removes the hidden file unless committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Append(const std::string& data);

  // Makes the bytes durable and renames to `path`, in the same folder,
  // replacing what is there. Follows a symbolic link.
  absl::Status Commit(const std::string& path);

  // Removes the hidden files of all OutputFiles of the process, which are of no
  // use afterwards: for a process that is about to end. Thread-safe.
  static void RemovePartialFiles();

 private:
  OutputFile(int file_descriptor, std::string partial_path)
      : file_descriptor_(file_descriptor), partial_path_(std::move(partial_path)) {}

  int file_descriptor_;
  std::string partial_path_;  // empty: a device, or already committed
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_OUTPUT_FILE_H_
