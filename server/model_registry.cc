#include "server/model_registry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/status_conversion.h"

namespace magnet {

absl::Status ModelRegistry::Add(std::unique_ptr<Generator> model) {
  absl::MutexLock lock(&mutex_);
  for (const auto& other : models_) {
    if (other->config().name == model->config().name) {
      return absl::AlreadyExistsError(
          absl::StrCat("two models are called \"", model->config().name, "\""));
    }
  }
  models_.push_back(std::move(model));
  return absl::OkStatus();
}

absl::StatusOr<Generator*> ModelRegistry::Find(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  if (models_.empty()) {
    return MakeRetryableError(absl::StatusCode::kUnavailable, "LOADING",
                              "the server is loading its models", absl::Seconds(2));
  }
  if (name.empty()) return models_.front().get();
  std::vector<std::string> names;
  for (const auto& model : models_) {
    if (model->config().name == name) return model.get();
    names.push_back(model->config().name);
  }
  return MakeError(absl::StatusCode::kNotFound, "MODEL_UNKNOWN",
                   absl::StrCat("model: expected one of ", absl::StrJoin(names, ", "), ", found \"",
                                name, "\""));
}

std::vector<Generator*> ModelRegistry::All() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Generator*> models;
  for (const auto& model : models_) models.push_back(model.get());
  return models;
}

}  // namespace magnet
