#include "train/clip_labels.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "train/annotations.h"

namespace magnet {

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

}  // namespace magnet
