// A file that is either written whole or not at all.
#ifndef MAGNET_MODEL_CHECKPOINT_ATOMIC_FILE_H_
#define MAGNET_MODEL_CHECKPOINT_ATOMIC_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/file_descriptor.h"

namespace magnet {

// Bytes go to a temporary file beside `path`; Commit makes them durable and
// gives them the name. Without Commit nothing is left behind and a file that
// was there before stays as it was.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Write(std::string_view bytes);

  // fsync, rename, fsync of the folder. Call once, last.
  absl::Status Commit();

 private:
  AtomicFile() = default;

  std::string path_;
  std::string temporary_path_;  // empty: nothing to remove
  FileDescriptor descriptor_;
};

// Create, Write and Commit.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_ATOMIC_FILE_H_
