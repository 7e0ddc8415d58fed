// The models that a server has loaded, in the order of its configuration.
#ifndef MAGNET_SERVER_MODEL_REGISTRY_H_
#define MAGNET_SERVER_MODEL_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "model/generator.h"

namespace magnet {

// Thread-safe. Models are added while the server loads and stay for its life.
class ModelRegistry {
 public:
  // ALREADY_EXISTS when a model of this name is there.
  absl::Status Add(std::unique_ptr<Generator> model);

  // The model of this name; the first one when `name` is empty. NOT_FOUND with
  // reason MODEL_UNKNOWN, or UNAVAILABLE with LOADING while there is none at all.
  absl::StatusOr<Generator*> Find(const std::string& name) const;

  std::vector<Generator*> All() const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<Generator>> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace magnet

#endif  // MAGNET_SERVER_MODEL_REGISTRY_H_
