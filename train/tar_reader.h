// Tar archives, streamed.
#ifndef MAGNET_TRAIN_TAR_READER_H_
#define MAGNET_TRAIN_TAR_READER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace magnet {

// Reads a .tar or .tar.gz from front to back, in the memory of one member.
// Knows ustar, GNU long names and pax paths; members that are no plain files
// are passed over.
class TarReader {
 public:
  // NOT_FOUND or INVALID_ARGUMENT naming the file.
  static absl::StatusOr<TarReader> Open(const std::string& path);
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) noexcept;
  ~TarReader();

  // Goes to the next plain file; false at the end. A leading "./" is taken off
  // its name. DATA_LOSS, naming the archive, if it is damaged or cut short.
  absl::StatusOr<bool> Next();
  const std::string& name() const;
  // The bytes of the file that Next() has found. Once for each.
  absl::StatusOr<std::string> Read();

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_TAR_READER_H_
