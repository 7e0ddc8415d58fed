// Who may call: keys that are known only by their hashes.
//
// The file is YAML:
//   keys:
//     - name: studio          # shown in logs
//       sha256: 9f86d081...   # of the key's bytes, 64 hexadecimal digits
//       max_running: 2        # optional; 0, the default, is no limit
//       max_waiting: 8        # optional; 0, the default, is no limit
// `printf %s "$KEY" | sha256sum` makes a hash.
#ifndef MAGNET_SERVER_API_KEYS_H_
#define MAGNET_SERVER_API_KEYS_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/admission.h"

namespace magnet {

struct ApiKey {
  std::array<unsigned char, 32> sha256{};
  ClientLimits limits;  // its name is the key's
};

// INVALID_ARGUMENT names the entry and key that is wrong; unknown keys are errors,
// and so are two entries of one name or hash.
absl::StatusOr<std::vector<ApiKey>> ParseApiKeys(const std::string& yaml);

// The keys of one file. Thread-safe.
class ApiKeys {
 public:
  // An empty path: everyone may call.
  explicit ApiKeys(std::string path) : path_(std::move(path)) {}

  // Reads the file again; on an error the keys stay as they were.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whose `authorization` header this is. UNAUTHENTICATED with KEY_MISSING or
  // KEY_UNKNOWN. Compares with every key, each in constant time.
  absl::StatusOr<ClientLimits> Authenticate(std::string_view authorization) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string path_;
  mutable absl::Mutex mutex_;
  std::vector<ApiKey> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace magnet

#endif  // MAGNET_SERVER_API_KEYS_H_
