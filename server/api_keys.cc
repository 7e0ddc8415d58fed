#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/file_text.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

constexpr std::string_view kScheme = "Bearer ";

std::array<unsigned char, 32> Sha256(std::string_view text) {
  std::array<unsigned char, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

absl::Status ParseHash(const std::string& text, const std::string& where, ApiKey& key) {
  const bool is_hex =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
  if (text.size() != 64 || !is_hex) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ".sha256: expected 64 hexadecimal digits, found ", text.size(), " characters"));
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), key.sha256.begin());
  return absl::OkStatus();
}

absl::Status ParseLimit(const YAML::Node& value, const std::string& where, int& limit) {
  limit = value.as<int>(-1);
  if (limit >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(where, ": expected a whole number, at least 0"));
}

absl::StatusOr<ApiKey> ParseKey(const YAML::Node& node, const std::string& where) {
  if (!node.IsMap()) return absl::InvalidArgumentError(absl::StrCat(where, ": expected a map"));
  ApiKey key;
  for (const auto& entry : node) {
    const std::string name = entry.first.as<std::string>("");
    absl::Status status;
    if (name == "name") {
      key.limits.name = entry.second.as<std::string>("");
    } else if (name == "sha256") {
      status = ParseHash(entry.second.as<std::string>(""), where, key);
    } else if (name == "max_running") {
      status = ParseLimit(entry.second, where + ".max_running", key.limits.max_running);
    } else if (name == "max_waiting") {
      status = ParseLimit(entry.second, where + ".max_waiting", key.limits.max_waiting);
    } else {
      status = absl::InvalidArgumentError(absl::StrCat(where, ": unknown key \"", name, "\""));
    }
    if (!status.ok()) return status;
  }
  if (key.limits.name.empty())
    return absl::InvalidArgumentError(absl::StrCat(where, ".name: expected a name"));
  if (!node["sha256"])
    return absl::InvalidArgumentError(absl::StrCat(where, ".sha256: expected a hash, found none"));
  return key;
}

absl::Status CheckDistinct(const std::vector<ApiKey>& keys, const ApiKey& key,
                           const std::string& where) {
  for (const ApiKey& other : keys) {
    if (other.limits.name == key.limits.name) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ".name: \"", key.limits.name, "\" is there twice"));
    }
    if (other.sha256 == key.sha256) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ".sha256: is also the key of \"", other.limits.name, "\""));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ApiKey>> ParseApiKeys(const std::string& yaml) {
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", error.what()));
  }
  if (!root.IsMap() || root.size() != 1 || !root["keys"] || !root["keys"].IsSequence()) {
    return absl::InvalidArgumentError("expected one entry `keys` that holds a list");
  }
  std::vector<ApiKey> keys;
  for (size_t i = 0; i < root["keys"].size(); ++i) {
    const std::string where = absl::StrCat("keys[", i, "]");
    auto key = ParseKey(root["keys"][i], where);
    if (!key.ok()) return key.status();
    if (absl::Status status = CheckDistinct(keys, *key, where); !status.ok()) return status;
    keys.push_back(*std::move(key));
  }
  return keys;
}

absl::Status ApiKeys::Reload() {
  if (path_.empty()) return absl::OkStatus();
  auto text = ReadTextFile(path_);
  if (!text.ok()) return text.status();
  auto keys = ParseApiKeys(*text);
  if (!keys.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", keys.status().message()));
  }
  absl::MutexLock lock(&mutex_);
  keys_ = *std::move(keys);
  return absl::OkStatus();
}

absl::StatusOr<ClientLimits> ApiKeys::Authenticate(std::string_view authorization) const {
  if (path_.empty()) return ClientLimits{};
  if (authorization.substr(0, kScheme.size()) != kScheme) {
    return MakeError(absl::StatusCode::kUnauthenticated, "KEY_MISSING",
                     "expected metadata `authorization: Bearer KEY`");
  }
  const auto digest = Sha256(authorization.substr(kScheme.size()));
  absl::MutexLock lock(&mutex_);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_) {
    if (CRYPTO_memcmp(digest.data(), key.sha256.data(), digest.size()) == 0) found = &key;
  }
  if (found == nullptr) {
    return MakeError(absl::StatusCode::kUnauthenticated, "KEY_UNKNOWN",
                     "the key is not known here");
  }
  return found->limits;
}

}  // namespace magnet
