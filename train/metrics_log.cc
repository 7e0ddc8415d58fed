#include "train/metrics_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/checkpoint/atomic_file.h"

namespace magnet {
namespace {

// The lines of `path` that belong to steps up to `last_step`.
std::string LinesUpTo(const std::string& path, int64_t last_step) {
  std::ifstream file(path);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (file.eof() || !object.is_object() || !object.contains("step")) continue;
    if (object["step"].is_number_integer() && object["step"].get<int64_t>() <= last_step) {
      absl::StrAppend(&kept, line, "\n");
    }
  }
  return kept;
}

}  // namespace

absl::StatusOr<MetricsLog> MetricsLog::Open(const std::string& path, int64_t last_step) {
  if (absl::Status status = WriteFileAtomically(path, LinesUpTo(path, last_step)); !status.ok()) {
    return status;
  }
  std::ofstream file(path, std::ios::app);
  if (!file) return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be opened"));
  return MetricsLog(path, std::move(file));
}

absl::Status MetricsLog::Write(int64_t step, const Metrics& metrics) {
  std::string line = absl::StrCat("{\"step\": ", step);
  for (const auto& [name, value] : metrics) {
    absl::StrAppend(&line, ", \"", name,
                    "\": ", std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null");
  }
  file_.clear();  // a full disk may have room again
  file_ << line << "}" << std::endl;
  if (!file_) return absl::ResourceExhaustedError(absl::StrCat(path_, ": cannot be written"));
  return absl::OkStatus();
}

}  // namespace magnet
