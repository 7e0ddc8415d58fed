#include "train/training_state.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "model/checkpoint/safetensors.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporaryMark[] = ".safetensors.tmp-";

absl::StatusOr<TrainingState> Load(const std::string& path) {
  absl::StatusOr<SafetensorsFile> file = ReadSafetensors(path);
  if (!file.ok()) return file.status();
  TrainingState state;
  const auto text = [&](const char* key) { return file->metadata[key]; };
  if (!absl::SimpleAtoi(text("step"), &state.step) ||
      !absl::SimpleAtod(text("best_loss"), &state.best_loss)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected step and best_loss in its metadata"));
  }
  state.fingerprint = text("fingerprint");
  state.tensors = std::move(file->tensors);
  return state;
}

absl::Status Store(const TrainingState& state, const std::string& path) {
  SafetensorsWriteOptions options;
  options.metadata = {{"step", absl::StrCat(state.step)},
                      {"best_loss", absl::StrFormat("%.17g", state.best_loss)},
                      {"fingerprint", state.fingerprint}};
  return WriteSafetensors(state.tensors, options, path);
}

absl::Status CheckFingerprint(const TrainingState& state, const std::string& fingerprint,
                              const std::string& path) {
  if (state.fingerprint == fingerprint) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": made with another configuration (it has ", state.fingerprint,
                   ", this run ", fingerprint, "); choose another output folder"));
}

}  // namespace

absl::StatusOr<CheckpointFolder> CheckpointFolder::Open(const std::string& folder, int keep_last) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": cannot be created: ", error.message()));
  }
  return CheckpointFolder(folder, keep_last);
}

void CheckpointFolder::RemoveUnfinished() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (absl::StrContains(entry.path().filename().string(), kTemporaryMark)) {
      fs::remove(entry.path(), error);
    }
  }
}

std::string CheckpointFolder::PathOf(int64_t step) const {
  return absl::StrFormat("%s/step-%09d.safetensors", folder_, step);
}

std::string CheckpointFolder::BestPath() const { return folder_ + "/best.safetensors"; }

std::vector<int64_t> CheckpointFolder::Steps() const {
  std::vector<int64_t> steps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view number = name;
    int64_t step = 0;
    if (absl::ConsumePrefix(&number, "step-") && absl::ConsumeSuffix(&number, ".safetensors") &&
        absl::SimpleAtoi(number, &step)) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::Status CheckpointFolder::Save(const TrainingState& state, bool is_best) {
  if (absl::Status status = Store(state, PathOf(state.step)); !status.ok()) return status;
  if (is_best) {
    if (absl::Status status = Store(state, BestPath()); !status.ok()) return status;
  }
  const std::vector<int64_t> steps = Steps();
  std::error_code error;
  for (size_t i = 0; i + keep_last_ < steps.size(); ++i) fs::remove(PathOf(steps[i]), error);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TrainingState>> CheckpointFolder::LoadNewest(
    const std::string& fingerprint) const {
  std::vector<int64_t> steps = Steps();
  for (; !steps.empty(); steps.pop_back()) {
    absl::StatusOr<TrainingState> state = Load(PathOf(steps.back()));
    if (!state.ok()) {
      std::cerr << "passing over a damaged checkpoint: " << state.status().message() << "\n";
      continue;
    }
    const absl::Status made = CheckFingerprint(*state, fingerprint, PathOf(steps.back()));
    if (!made.ok()) return made;
    return std::optional<TrainingState>(*std::move(state));
  }
  return std::optional<TrainingState>();
}

absl::StatusOr<TrainingState> CheckpointFolder::LoadBest() const {
  if (!fs::exists(BestPath())) {
    return absl::NotFoundError(absl::StrCat(BestPath(), ": no validation has been yet"));
  }
  return Load(BestPath());
}

absl::StatusOr<TrainingState> CheckpointFolder::LoadResult(const std::string& fingerprint) const {
  absl::StatusOr<TrainingState> best = LoadBest();
  if (best.ok()) {
    const absl::Status made = CheckFingerprint(*best, fingerprint, BestPath());
    if (!made.ok()) return made;
    return best;
  }
  if (!absl::IsNotFound(best.status())) return best;
  absl::StatusOr<std::optional<TrainingState>> newest = LoadNewest(fingerprint);
  if (!newest.ok()) return newest.status();
  if (newest->has_value()) return **std::move(newest);
  return absl::NotFoundError(absl::StrCat(folder_, ": there is no checkpoint yet"));
}

}  // namespace magnet
