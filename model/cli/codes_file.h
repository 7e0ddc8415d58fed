// Saved codes: a safetensors file with one int64 tensor `codes` [K, T].
#ifndef MAGNET_MODEL_CLI_CODES_FILE_H_
#define MAGNET_MODEL_CLI_CODES_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/generation_spec.h"

namespace magnet {

absl::Status WriteCodesFile(const GivenCodes& codes, int num_codebooks, const std::string& path);

// K is codes.size() / num_frames. INVALID_ARGUMENT names the file where it holds
// anything else than `codes` with 1 to `max_codebooks` rows and at least one frame.
absl::StatusOr<GivenCodes> ReadCodesFile(const std::string& path, int max_codebooks);

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_CODES_FILE_H_
