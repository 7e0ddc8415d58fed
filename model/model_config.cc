#include "model/model_config.h"

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/model_config_fields.h"
#include "model/strict_json.h"

namespace magnet {
namespace {

using nlohmann::json;
// Keys stay in the order of the fields, for a person.
using nlohmann::ordered_json;

// JSON to fields: presence and types. Ranges are the checker's.
class FieldReader {
 public:
  FieldReader(const json& object, std::string path, std::vector<std::string>& errors)
      : object_(object), path_(std::move(path)), errors_(errors) {}

  void Int(const char* name, int& field, int, int) {
    if (const json* value = Find(name)) ReadInt(Path(name), *value, field);
  }

  void Double(const char* name, double& field, double, double) {
    if (const json* value = Find(name)) ReadDouble(Path(name), *value, field);
  }

  void OptionalInt(const char* name, int& field, int absent, int, int) {
    field = absent;
    if (const json* value = FindOptional(name)) ReadInt(Path(name), *value, field);
  }

  void OptionalDouble(const char* name, double& field, double absent, double, double) {
    field = absent;
    if (const json* value = FindOptional(name)) ReadDouble(Path(name), *value, field);
  }

  void Bool(const char* name, bool& field) {
    const json* value = Find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return Mismatch(Path(name), "true or false", *value);
    field = value->get<bool>();
  }

  void String(const char* name, std::string& field, size_t, size_t) {
    const json* value = Find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return Mismatch(Path(name), "a string", *value);
    field = value->get<std::string>();
  }

  void IntList(const char* name, std::vector<int>& field, size_t, int, int) {
    const json* value = Find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return Mismatch(Path(name), "a list of integers", *value);
    field.assign(value->size(), 0);
    for (size_t i = 0; i < value->size(); ++i) {
      ReadInt(absl::StrCat(Path(name), "[", i, "]"), (*value)[i], field[i]);
    }
  }

  template <typename E, typename Words>
  void Enum(const char* name, E& field, const Words& words) {
    const json* value = Find(name);
    if (value == nullptr) return;
    for (const auto& word : words) {
      if (value->is_string() && value->get_ref<const std::string&>() == word.word) {
        field = word.value;
        return;
      }
    }
    Mismatch(Path(name), absl::StrCat("one of ", config_fields::WordList(words)), *value);
  }

  template <typename T>
  void Object(const char* name, T& fields) {
    if (const json* value = Find(name)) ReadObject(Path(name), *value, fields);
  }

  template <typename T>
  void OptionalObject(const char* name, std::optional<T>& fields) {
    if (const json* value = FindOptional(name)) ReadObject(Path(name), *value, fields.emplace());
  }

  void ReportUnknownKeys() {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) errors_.push_back(absl::StrCat(path_, key, ": unknown key"));
    }
  }

 private:
  std::string Path(const char* name) const { return absl::StrCat(path_, name); }

  const json* FindOptional(const char* name) {
    known_.insert(name);
    const auto found = object_.find(name);
    return found != object_.end() ? &*found : nullptr;
  }

  const json* Find(const char* name) {
    const json* value = FindOptional(name);
    if (value == nullptr) errors_.push_back(absl::StrCat(Path(name), ": missing"));
    return value;
  }

  void Mismatch(const std::string& path, std::string_view expected, const json& found) {
    constexpr size_t kMaxShown = 60;
    std::string shown = found.dump(-1, ' ', true, json::error_handler_t::replace);
    if (shown.size() > kMaxShown) shown = shown.substr(0, kMaxShown) + "...";
    errors_.push_back(absl::StrCat(path, ": expected ", std::string(expected), ", found ", shown));
  }

  template <typename T>
  void ReadObject(const std::string& path, const json& value, T& fields) {
    if (!value.is_object()) return Mismatch(path, "an object", value);
    FieldReader reader(value, absl::StrCat(path, "."), errors_);
    config_fields::VisitFields(reader, fields);
    reader.ReportUnknownKeys();
  }

  void ReadDouble(const std::string& path, const json& value, double& field) {
    if (!value.is_number()) return Mismatch(path, "a number", value);
    field = value.get<double>();
  }

  void ReadInt(const std::string& path, const json& value, int& field) {
    const bool fits =
        (value.is_number_unsigned() &&
         value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int>::max())) ||
        (value.is_number_integer() && !value.is_number_unsigned() &&
         value.get<int64_t>() >= std::numeric_limits<int>::min() &&
         value.get<int64_t>() <= std::numeric_limits<int>::max());
    if (!fits) return Mismatch(path, "a 32-bit integer", value);
    field = value.get<int>();
  }

  const json& object_;
  const std::string path_;  // of the object, with a dot at the end
  std::vector<std::string>& errors_;
  std::set<std::string> known_;
};

class FieldWriter {
 public:
  void Int(const char* name, const int& field, int, int) { object_[name] = field; }
  void Double(const char* name, const double& field, double, double) { object_[name] = field; }
  void OptionalInt(const char* name, const int& field, int absent, int, int) {
    if (field != absent) object_[name] = field;
  }
  void OptionalDouble(const char* name, const double& field, double absent, double, double) {
    if (field != absent) object_[name] = field;
  }
  void Bool(const char* name, const bool& field) { object_[name] = field; }
  void String(const char* name, const std::string& field, size_t, size_t) { object_[name] = field; }
  void IntList(const char* name, const std::vector<int>& field, size_t, int, int) {
    object_[name] = field;
  }

  template <typename E, typename Words>
  void Enum(const char* name, const E& field, const Words& words) {
    for (const auto& word : words) {
      if (word.value == field) object_[name] = std::string(word.word);
    }
  }

  template <typename T>
  void Object(const char* name, T& fields) {
    FieldWriter writer;
    config_fields::VisitFields(writer, fields);
    object_[name] = std::move(writer.object_);
  }

  template <typename T>
  void OptionalObject(const char* name, std::optional<T>& fields) {
    if (fields.has_value()) Object(name, *fields);
  }

  const ordered_json& object() const { return object_; }

 private:
  ordered_json object_ = ordered_json::object();
};

}  // namespace

std::optional<int> BeatConfig::FramesPerBeat(double bpm, double frame_rate_hz) const {
  const double frames = std::round(60 * frame_rate_hz / bpm);
  const bool known = frames >= min_frames_per_beat && frames <= max_frames_per_beat;
  return known ? std::optional<int>(static_cast<int>(frames)) : std::nullopt;
}

int CodecConfig::hop_length() const {
  int hop = 1;
  for (const int ratio : ratios) hop *= ratio;
  return hop;
}

double CodecConfig::frame_rate_hz() const {
  return static_cast<double>(sample_rate_hz) / hop_length();
}

double ModelConfig::window_seconds() const {
  const int whole_spans = lm.window_frames - lm.window_frames % lm.span_len;
  return whole_spans / codec.frame_rate_hz();
}

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view text) {
  absl::StatusOr<json> document = ParseStrictJson(text, JsonLimits{});
  if (!document.ok()) return document.status();
  if (!document->is_object()) {
    return absl::InvalidArgumentError("expected an object at the top");
  }
  ModelConfig config;
  std::vector<std::string> errors;
  FieldReader reader(*document, /*path=*/"", errors);
  config_fields::VisitFields(reader, config);
  reader.ReportUnknownKeys();
  if (!errors.empty()) return config_fields::JoinErrors(errors);
  if (absl::Status status = CheckModelConfig(config); !status.ok()) return status;
  return config;
}

std::string FormatModelConfig(const ModelConfig& config) {
  ModelConfig copy = config;  // the visitors take references to change
  FieldWriter writer;
  config_fields::VisitFields(writer, copy);
  return writer.object().dump(/*indent=*/2, ' ', /*ensure_ascii=*/false,
                              json::error_handler_t::replace) +
         "\n";
}

}  // namespace magnet
