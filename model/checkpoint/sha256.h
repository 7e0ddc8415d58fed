// SHA-256 checksums.
#ifndef MAGNET_MODEL_CHECKPOINT_SHA256_H_
#define MAGNET_MODEL_CHECKPOINT_SHA256_H_

#include <string>
#include <string_view>

namespace magnet {

// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_SHA256_H_
