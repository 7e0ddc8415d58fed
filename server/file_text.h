// Small text files, whole.
#ifndef MAGNET_SERVER_FILE_TEXT_H_
#define MAGNET_SERVER_FILE_TEXT_H_

#include <string>

#include "absl/status/statusor.h"

namespace magnet {

// NOT_FOUND names the file and says why it could not be read.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace magnet

#endif  // MAGNET_SERVER_FILE_TEXT_H_
