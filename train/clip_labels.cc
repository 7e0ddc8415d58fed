#include "train/clip_labels.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "train/annotations.h"

namespace magnet {
namespace {

template <size_t N>
std::vector<int64_t> WithLabels(const std::array<int64_t, N>& classes,
                                const std::vector<LabelKind>& kinds) {
  std::vector<int64_t> all(classes.begin(), classes.end());
  for (const LabelKind& kind : kinds) all.push_back(static_cast<int64_t>(kind.values.size()));
  return all;
}

}  // namespace

absl::StatusOr<std::vector<LabelKind>> LabelKinds(const CodeSet& clips) {
  std::map<std::string, std::set<std::string>> values;
  for (int64_t clip = 0; clip < clips.size(); ++clip) {
    for (const auto& [attribute, value] : clips.row(clip).labels) values[attribute].insert(value);
  }
  std::vector<LabelKind> kinds;
  for (const auto& [attribute, found] : values) {
    if (found.size() > kMaxLabelValues) {
      return absl::InvalidArgumentError(
          absl::StrCat("labels: expected at most ", kMaxLabelValues, " different values of '",
                       attribute, "' (a label is what many clips share), found ", found.size()));
    }
    if (found.size() > 1) kinds.push_back({attribute, {found.begin(), found.end()}});
  }
  return kinds;
}

int64_t LabelClass(const LabelKind& kind, const MusicBenchRow& row) {
  const auto label = row.labels.find(kind.attribute);
  if (label == row.labels.end()) return kUnlabelled;
  const auto place = std::lower_bound(kind.values.begin(), kind.values.end(), label->second);
  const bool known = place != kind.values.end() && *place == label->second;
  return known ? place - kind.values.begin() : kUnlabelled;
}

std::vector<int64_t> FrameLabelClasses(const std::vector<LabelKind>& kinds) {
  return WithLabels(kFrameLabelClasses, kinds);
}

std::vector<int64_t> ClipLabelClasses(const std::vector<LabelKind>& kinds) {
  return WithLabels(kClipLabelClasses, kinds);
}

}  // namespace magnet
