// Products of one group at a time, for kernels whose sums leave their registers after each. By the
// lanes that a file is compiled for (model/lanes.h); each file that includes it has a copy of its
// own.
#ifndef MAGNET_MODEL_INT8_INT8_GROUP_H_
#define MAGNET_MODEL_INT8_INT8_GROUP_H_

#include "model/int8/int8_kernels.h"
#include "model/lanes.h"

namespace magnet {
namespace {  // NOLINT(google-build-namespaces): see above

// One group of a block's rows, filled up with rows of zeros to whole tiles. Side by side: in their
// own place, a power of two apart, they would throw each other out of L1.
struct GroupRows {
  alignas(64) uint8_t values[kInt8Rows][kInt8Group];
  const float* scales;  // `groups` apart
  int64_t groups;
  int64_t count;
};

// The same group of some outputs of a panel.
struct GroupOutputs {
  const int8_t* values;  // four inputs of an output side by side; the next four kInt8Panel * 4 on
  const float* scales;
  const int32_t* offsets;
};

template <int64_t kTileRows>
void Gather(const Int8RowBlock& rows, int64_t group, GroupRows& to) {
  static_assert(kInt8Rows % kTileRows == 0);
  to.scales = rows.scales + group;
  to.groups = rows.groups;
  to.count = rows.count;
  const uint8_t* from = rows.values + group * kInt8Group;
  for (int64_t row = 0; row < rows.count; ++row, from += rows.groups * kInt8Group) {
    __builtin_memcpy(to.values[row], from, kInt8Group);
  }
  for (int64_t row = rows.count; row % kTileRows != 0; ++row) {
    __builtin_memset(to.values[row], 0, kInt8Group);
  }
}

// Outputs from `column` on, which lie in one panel.
inline GroupOutputs OutputsOf(const Int8ColumnBlock& columns, int64_t groups, int64_t group,
                              int64_t column) {
  const int64_t in_panel = column % kInt8Panel, at = group * columns.stride + column;
  return {columns.values + (column - in_panel) * groups * kInt8Group +
              group * kInt8Group * kInt8Panel + in_panel * 4,
          columns.scales + at, columns.offsets + at};
}

// Exact sums of rows [row, row + kRows), as far as they exist, scaled and added to y, which the
// first group begins. y: of row 0, rows kInt8Columns apart.
template <int64_t kRows, int64_t kOutputs>
void ScaleAndAdd(const int32_t (&sums)[kRows][kOutputs], const GroupRows& rows, int64_t row,
                 const float* scales, bool first, float* y) {
  for (int64_t i = 0; i < kRows && row + i < rows.count; ++i) {
    const Floats scale = Spread(rows.scales[(row + i) * rows.groups]);
    float* const to = y + (row + i) * kInt8Columns;
    for (int64_t n = 0; n < kOutputs; n += kLanes) {
      const Floats before = first ? Spread(0) : Load(to + n);
      Store(to + n, MultiplyAdd(LoadWhole(&sums[i][n]), scale * Load(scales + n), before));
    }
  }
}

// Int8Kernels::multiply by tiles of kRows rows and kOutputs outputs, whose exact sums of a group
// `SumProducts` stores. A panel's part of a group stays in L1 for all rows.
template <int64_t kRows, int64_t kOutputs,
          void (*SumProducts)(const uint8_t* x, const int8_t* w, const int32_t* offsets,
                              int32_t (&sums)[kRows][kOutputs])>
void MultiplyByTiles(const Int8RowBlock& rows, const Int8ColumnBlock& columns, float* y) {
  static_assert(kInt8Panel % kOutputs == 0);
  GroupRows group_rows;
  alignas(64) int32_t sums[kRows][kOutputs];
  for (int64_t g = 0; g < rows.groups; ++g) {
    Gather<kRows>(rows, g, group_rows);
    for (int64_t panel = 0; panel < kInt8Columns; panel += kInt8Panel) {
      for (int64_t row = 0; row < rows.count; row += kRows) {
        for (int64_t n = panel; n < panel + kInt8Panel; n += kOutputs) {
          const GroupOutputs outputs = OutputsOf(columns, rows.groups, g, n);
          SumProducts(group_rows.values[row], outputs.values, outputs.offsets, sums);
          ScaleAndAdd(sums, group_rows, row, outputs.scales, g == 0, y + n);
        }
      }
    }
  }
}

}  // namespace
}  // namespace magnet

#endif  // MAGNET_MODEL_INT8_INT8_GROUP_H_
