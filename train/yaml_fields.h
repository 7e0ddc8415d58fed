// Reads a struct whose fields are listed by a VisitFields function (see
// model/model_config_fields.h) from YAML.
//
// Keys that are absent keep the struct's values; unknown keys, wrong types and
// values out of range are errors that name the key's path and line.
#ifndef MAGNET_TRAIN_YAML_FIELDS_H_
#define MAGNET_TRAIN_YAML_FIELDS_H_

#include <yaml-cpp/yaml.h>

#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/model_config_fields.h"

namespace magnet {

// A visitor over the mapping `node`; keeps the first error.
class YamlReader {
 public:
  YamlReader(const YAML::Node& node, std::string source, std::string path)
      : node_(node), source_(std::move(source)), path_(std::move(path)) {
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) Fail(node_, path_, "a mapping");
  }

  void Int(std::string_view name, int& value, int min, int max) {
    const YAML::Node node = Take(name);
    if (!node) return;
    ReadInt(node, PathOf(name), min, max, value);
  }

  void Double(std::string_view name, double& value, double min, double max) {
    const YAML::Node node = Take(name);
    if (!node) return;
    double found = 0;
    if (YAML::convert<double>::decode(node, found) && found >= min && found <= max) {
      value = found;
    } else {
      Fail(node, PathOf(name), absl::StrCat("a number from ", min, " to ", max));
    }
  }

  void OptionalInt(std::string_view name, int& value, int /*absent*/, int min, int max) {
    Int(name, value, min, max);
  }

  void OptionalDouble(std::string_view name, double& value, double /*absent*/, double min,
                      double max) {
    Double(name, value, min, max);
  }

  void Bool(std::string_view name, bool& value) {
    const YAML::Node node = Take(name);
    if (node && !YAML::convert<bool>::decode(node, value)) {
      Fail(node, PathOf(name), "true or false");
    }
  }

  void String(std::string_view name, std::string& value, size_t min_bytes, size_t max_bytes) {
    const YAML::Node node = Take(name);
    if (!node) return;
    if (!node.IsScalar() || node.Scalar().size() < min_bytes || node.Scalar().size() > max_bytes) {
      Fail(node, PathOf(name), absl::StrCat("a text of ", min_bytes, " to ", max_bytes, " bytes"));
    } else {
      value = node.Scalar();
    }
  }

  void IntList(std::string_view name, std::vector<int>& values, size_t max_entries, int min,
               int max) {
    const YAML::Node node = Take(name);
    if (!node) return;
    if (!node.IsSequence() || node.size() == 0 || node.size() > max_entries) {
      return Fail(node, PathOf(name), absl::StrCat("a list of 1 to ", max_entries, " integers"));
    }
    values.assign(node.size(), 0);
    for (size_t i = 0; i < node.size(); ++i) {
      ReadInt(node[i], absl::StrCat(PathOf(name), "[", i, "]"), min, max, values[i]);
    }
  }

  template <typename E, size_t kCount>
  void Enum(std::string_view name, E& value,
            const std::array<config_fields::Word<E>, kCount>& words) {
    const YAML::Node node = Take(name);
    if (!node) return;
    std::string expected;
    for (const auto& word : words) {
      if (node.IsScalar() && node.Scalar() == word.word) {
        value = word.value;
        return;
      }
      expected += (expected.empty() ? "" : " or ") + std::string(word.word);
    }
    Fail(node, PathOf(name), expected);
  }

  template <typename T>
  void Object(std::string_view name, T& value) {
    const YAML::Node node = Take(name);
    if (node) ReadObject(node, PathOf(name), value);
  }

  template <typename T>
  void OptionalObject(std::string_view name, std::optional<T>& value) {
    const YAML::Node node = Take(name);
    if (node) ReadObject(node, PathOf(name), value.has_value() ? *value : value.emplace());
  }

  template <typename T>
  void ObjectList(std::string_view name, std::vector<T>& values, size_t max_entries) {
    const YAML::Node node = Take(name);
    if (!node) return;
    if (!node.IsSequence() || node.size() == 0 || node.size() > max_entries) {
      return Fail(node, PathOf(name), absl::StrCat("a list of 1 to ", max_entries, " mappings"));
    }
    values.assign(node.size(), T());
    for (size_t i = 0; i < node.size(); ++i) {
      ReadObject(node[i], absl::StrCat(PathOf(name), "[", i, "]"), values[i]);
    }
  }

  // Call last: what is in the mapping and was not asked for is an error.
  absl::Status Finish() {
    if (status_.ok() && node_.IsMap()) {
      for (const auto& entry : node_) {
        const std::string key = entry.first.Scalar();
        if (taken_.count(key) > 0) continue;
        return absl::InvalidArgumentError(absl::StrCat(source_, ":", entry.first.Mark().line + 1,
                                                       ": ", PathOf(key), ": unknown key"));
      }
    }
    return status_;
  }

 private:
  std::string PathOf(std::string_view name) const {
    return path_.empty() ? std::string(name) : absl::StrCat(path_, ".", std::string(name));
  }

  // The value of key `name`, or a node that converts to false.
  YAML::Node Take(std::string_view name) {
    taken_.insert(std::string(name));
    if (!node_.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node& map = node_;
    return map[std::string(name)];
  }

  void ReadInt(const YAML::Node& node, const std::string& path, int min, int max, int& value) {
    int found = 0;
    if (YAML::convert<int>::decode(node, found) && found >= min && found <= max) {
      value = found;
    } else {
      Fail(node, path, absl::StrCat("an integer from ", min, " to ", max));
    }
  }

  template <typename T>
  void ReadObject(const YAML::Node& node, const std::string& path, T& value) {
    using config_fields::VisitFields;
    YamlReader reader(node, source_, path);
    VisitFields(reader, value);
    if (absl::Status status = reader.Finish(); status_.ok()) status_ = status;
  }

  void Fail(const YAML::Node& node, const std::string& path, const std::string& expected) {
    if (!status_.ok()) return;
    const std::string found = node.IsScalar()     ? absl::StrCat("\"", node.Scalar(), "\"")
                              : node.IsMap()      ? "a mapping"
                              : node.IsSequence() ? "a list"
                                                  : "nothing";
    status_ =
        absl::InvalidArgumentError(absl::StrCat(source_, ":", node.Mark().line + 1, ": ", path,
                                                ": expected ", expected, ", found ", found));
  }

  YAML::Node node_;
  std::string source_;
  std::string path_;
  std::set<std::string> taken_;
  absl::Status status_;
};

// Fills `value` from the text of a YAML file; `source` is its name in errors.
template <typename T>
absl::Status ReadYamlFields(const std::string& yaml, const std::string& source, T& value) {
  try {
    using config_fields::VisitFields;
    YamlReader reader(YAML::Load(yaml), source, /*path=*/"");
    VisitFields(reader, value);
    return reader.Finish();
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", error.what()));
  }
}

}  // namespace magnet

#endif  // MAGNET_TRAIN_YAML_FIELDS_H_
