#include "model/checkpoint/xp_config.h"

#include <yaml-cpp/yaml.h>

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace magnet {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr int kMaxInterpolations = 16;

// What `${a.b}` points to; nothing: an ordinary text.
std::optional<std::string> InterpolatedPath(const std::string& text) {
  if (text.size() < 4 || text.compare(0, 2, "${") != 0 || text.back() != '}') return std::nullopt;
  return text.substr(2, text.size() - 3);
}

}  // namespace

struct XpConfig::Impl {
  YAML::Node root;
  std::string source;
  std::vector<std::string> errors;

  std::optional<YAML::Node> Find(std::string path) const {
    for (int i = 0; i < kMaxInterpolations; ++i) {
      std::optional<YAML::Node> node = Walk(path);
      if (!node || !node->IsScalar()) return node;
      const auto target = InterpolatedPath(node->Scalar());
      if (!target) return node;
      path = *target;
    }
    return std::nullopt;
  }

  std::optional<YAML::Node> Walk(const std::string& path) const {
    YAML::Node node = YAML::Clone(YAML::Node());
    node.reset(root);
    for (const auto& part : absl::StrSplit(path, '.')) {
      if (!node.IsMap()) return std::nullopt;
      const YAML::Node child = std::as_const(node)[std::string(part)];
      if (!child.IsDefined()) return std::nullopt;
      node.reset(child);
    }
    return node;
  }

  std::optional<std::string> FindScalar(const std::string& path) {
    const auto node = Find(path);
    if (!node || node->IsNull()) return std::nullopt;
    if (node->IsScalar()) return node->Scalar();
    errors.push_back(absl::StrCat(path, ": expected one value"));
    return std::nullopt;
  }

  template <typename T, typename Convert>
  T Value(const std::string& path, std::optional<T> fallback, const char* expected,
          const Convert& convert) {
    const size_t num_errors = errors.size();
    const auto text = FindScalar(path);
    T value{};
    if (!text) {
      if (fallback) return *fallback;
      if (errors.size() == num_errors) errors.push_back(absl::StrCat(path, ": missing"));
    } else if (!convert(*text, &value)) {
      errors.push_back(
          absl::StrCat(path, ": expected ", expected, ", found \"", text->substr(0, 60), "\""));
      return fallback.value_or(T{});
    }
    return value;
  }

  int Int(const std::string& path, std::optional<int> fallback) {
    return Value<int>(path, fallback, "an integer", [](const std::string& text, int* value) {
      return absl::SimpleAtoi(text, value);
    });
  }

  double Double(const std::string& path, std::optional<double> fallback) {
    return Value<double>(path, fallback, "a number", [](const std::string& text, double* value) {
      return absl::SimpleAtod(text, value);
    });
  }
};

XpConfig::XpConfig(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XpConfig::XpConfig(XpConfig&&) noexcept = default;
XpConfig& XpConfig::operator=(XpConfig&&) noexcept = default;
XpConfig::~XpConfig() = default;

absl::StatusOr<XpConfig> XpConfig::Parse(std::string_view yaml, std::string source) {
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  if (yaml.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(impl->source, ": expected at most ", kMaxBytes,
                                                   " bytes of YAML, found ", yaml.size()));
  }
  try {
    impl->root = YAML::Load(std::string(yaml));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(impl->source, ": not YAML: ", error.what()));
  }
  if (!impl->root.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat(impl->source, ": expected a map"));
  }
  return XpConfig(std::move(impl));
}

int XpConfig::Int(const std::string& path) { return impl_->Int(path, std::nullopt); }
int XpConfig::Int(const std::string& path, int fallback) { return impl_->Int(path, fallback); }
double XpConfig::Double(const std::string& path) { return impl_->Double(path, std::nullopt); }
double XpConfig::Double(const std::string& path, double fallback) {
  return impl_->Double(path, fallback);
}

bool XpConfig::Bool(const std::string& path, bool fallback) {
  return impl_->Value<bool>(
      path, fallback, "true or false",
      [](const std::string& text, bool* value) { return absl::SimpleAtob(text, value); });
}

std::string XpConfig::String(const std::string& path, const std::string& fallback) {
  return impl_->FindScalar(path).value_or(fallback);
}

std::vector<int> XpConfig::IntList(const std::string& path) {
  std::vector<int> values;
  for (const std::string& text : StringList(path)) {
    int value = 0;
    if (!absl::SimpleAtoi(text, &value)) {
      AddError(path, absl::StrCat("expected integers, found \"", text.substr(0, 60), "\""));
      break;
    }
    values.push_back(value);
  }
  return values;
}

std::vector<std::string> XpConfig::StringList(const std::string& path) {
  const auto node = impl_->Find(path);
  if (!node || node->IsNull()) return {};
  if (node->IsScalar()) return {node->Scalar()};
  std::vector<std::string> values;
  if (node->IsSequence()) {
    for (const YAML::Node& item : *node) {
      if (item.IsScalar()) values.push_back(item.Scalar());
    }
    if (values.size() == node->size()) return values;
  }
  AddError(path, "expected a list of values");
  return {};
}

std::vector<std::string> XpConfig::KeysOf(const std::string& path) {
  const auto node = impl_->Find(path);
  std::vector<std::string> keys;
  if (!node || !node->IsMap()) return keys;
  for (const auto& entry : *node) {
    if (entry.first.IsScalar()) keys.push_back(entry.first.Scalar());
  }
  return keys;
}

bool XpConfig::Has(const std::string& path) {
  const auto node = impl_->Find(path);
  return node && !node->IsNull();
}

void XpConfig::Require(const std::string& path, const std::string& fallback,
                       const std::string& expected) {
  const std::string found = String(path, fallback);
  if (found == expected) return;
  AddError(path, absl::StrCat("expected ", expected, ", found \"", found.substr(0, 60), "\""));
}

void XpConfig::AddError(const std::string& path, const std::string& error) {
  impl_->errors.push_back(absl::StrCat(path, ": ", error));
}

absl::Status XpConfig::status() const {
  if (impl_->errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(impl_->source, ": ", absl::StrJoin(impl_->errors, "; ")));
}

}  // namespace magnet
