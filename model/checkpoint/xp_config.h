// The configuration that audiocraft stores beside its weights: YAML whose
// values may point to others (`channels: ${channels}`).
#ifndef MAGNET_MODEL_CHECKPOINT_XP_CONFIG_H_
#define MAGNET_MODEL_CHECKPOINT_XP_CONFIG_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace magnet {

// Values by their path ("transformer_lm.dim"). A key that is absent gives the
// fallback, which is audiocraft's own default; null counts as absent. What is
// wrong with values is collected for status(): all of it at once.
class XpConfig {
 public:
  // INVALID_ARGUMENT opens with `source`.
  static absl::StatusOr<XpConfig> Parse(std::string_view yaml, std::string source);

  XpConfig(XpConfig&&) noexcept;
  XpConfig& operator=(XpConfig&&) noexcept;
  ~XpConfig();

  // Without a fallback the key must be there.
  int Int(const std::string& path);
  int Int(const std::string& path, int fallback);
  double Double(const std::string& path);
  double Double(const std::string& path, double fallback);
  bool Bool(const std::string& path, bool fallback);
  std::string String(const std::string& path, const std::string& fallback);
  std::vector<int> IntList(const std::string& path);
  // The texts of a list, or of a single value; absent: empty.
  std::vector<std::string> StringList(const std::string& path);
  std::vector<std::string> KeysOf(const std::string& path);
  // Whether the path leads to a value that is not null.
  bool Has(const std::string& path);

  // Our engine computes this one choice only.
  void Require(const std::string& path, const std::string& fallback, const std::string& expected);
  void AddError(const std::string& path, const std::string& error);

  absl::Status status() const;

 private:
  struct Impl;
  explicit XpConfig(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_XP_CONFIG_H_
