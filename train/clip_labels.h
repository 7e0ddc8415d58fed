// What rows say of whole clips in their `labels`, as classes that can be learnt.
#ifndef MAGNET_TRAIN_CLIP_LABELS_H_
#define MAGNET_TRAIN_CLIP_LABELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "train/code_shards.h"
#include "train/musicbench_row.h"

namespace magnet {

// The most values that an attribute may have: a label is what many clips share.
inline constexpr int kMaxLabelValues = 1000;

struct LabelKind {
  std::string attribute;            // "lead"
  std::vector<std::string> values;  // its classes, sorted, at least two
};

// Of every row, sorted by attribute. Attributes whose value is always the same are left out:
// there is nothing to learn. INVALID_ARGUMENT names an attribute with more than
// kMaxLabelValues values.
absl::StatusOr<std::vector<LabelKind>> LabelKinds(const CodeSet& clips);

// The class of the row's value; kUnlabelled (annotations.h) where the row has none, or one
// that is not among the kind's.
int64_t LabelClass(const LabelKind& kind, const MusicBenchRow& row);

// How many classes each kind of label of a frame, or of a clip, has: those of annotations.h,
// then those of `kinds`.
std::vector<int64_t> FrameLabelClasses(const std::vector<LabelKind>& kinds);
std::vector<int64_t> ClipLabelClasses(const std::vector<LabelKind>& kinds);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CLIP_LABELS_H_
