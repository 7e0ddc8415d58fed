// JSON from files that may be broken or hostile.
#ifndef MAGNET_MODEL_STRICT_JSON_H_
#define MAGNET_MODEL_STRICT_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace magnet {

struct JsonLimits {
  size_t max_bytes = 1 << 20;
  int max_depth = 16;       // nested objects and arrays
  size_t max_values = 1e6;  // keys and values together
};

// Parses one JSON document. INVALID_ARGUMENT for text that is no JSON, for a
// key that occurs twice in one object and for anything over a limit. Never
// throws; memory stays within a small multiple of the text's size.
absl::StatusOr<nlohmann::json> ParseStrictJson(std::string_view text, const JsonLimits& limits);

}  // namespace magnet

#endif  // MAGNET_MODEL_STRICT_JSON_H_
