// Compiled with AVX-512: calls nothing that is defined in a header for all, or other files might
// be linked with this one's copy.
#include "model/int8/int8_kernels.h"

#if defined(__AVX512VNNI__)

#include "model/int8/int8_row_kernels.h"

namespace magnet {
namespace {

constexpr int kRange = 127;
constexpr int64_t kRowsAtOnce = 6;  // with four vectors of outputs, 24 of the 32 registers
// 32 KiB of a panel, which stays in L1 for all rows of a block.
constexpr int64_t kGroupsAtOnce = 4;

// Of one row, each by its name: kept in arrays they take 1.6 times as long with GCC 12.
struct Sums {
  __m512i s0, s1, s2, s3;
};

// sum += the four products of each lane. Not _mm512_dpbusd_epi32: GCC 12 copies and spills its sums
// in every round of the loop, which then takes twice as long.
inline void AddProducts(__m512i& sum, __m512i x, __m512i w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
}

inline Sums AddRow(Sums sums, const uint8_t* x, __m512i w0, __m512i w1, __m512i w2, __m512i w3) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  const __m512i spread = _mm512_set1_epi32(four);
  AddProducts(sums.s0, spread, w0);
  AddProducts(sums.s1, spread, w1);
  AddProducts(sums.s2, spread, w2);
  AddProducts(sums.s3, spread, w3);
  return sums;
}

inline void ScaleAndAdd(__m512i sums, __m512 scale, bool first, float* y) {
  const __m512 exact = _mm512_cvtepi32_ps(sums);
  const __m512 before = first ? _mm512_setzero_ps() : _mm512_loadu_ps(y);
  _mm512_storeu_ps(y, _mm512_fmadd_ps(exact, scale, before));
}

inline void ScaleAndAdd(const Sums& sums, float scale, const float* weight_scales, bool first,
                        float* y) {
  const __m512 spread = _mm512_set1_ps(scale);
  ScaleAndAdd(sums.s0, spread * Load(weight_scales), first, y);
  ScaleAndAdd(sums.s1, spread * Load(weight_scales + kLanes), first, y + kLanes);
  ScaleAndAdd(sums.s2, spread * Load(weight_scales + 2 * kLanes), first, y + 2 * kLanes);
  ScaleAndAdd(sums.s3, spread * Load(weight_scales + 3 * kLanes), first, y + 3 * kLanes);
}

// One group of R rows with one panel: y [R, kInt8Panel], rows kInt8Columns apart. x: the rows'
// values in this group, `stride` apart; scales likewise, `groups` apart. w, offsets and
// weight_scales: of the panel in this group.
template <int R>
inline void MultiplyGroup(const uint8_t* x, int64_t stride, const float* scales, int64_t groups,
                          const int8_t* w, const int32_t* offsets, const float* weight_scales,
                          bool first, float* y) {
  const Sums start = {_mm512_loadu_si512(offsets), _mm512_loadu_si512(offsets + kLanes),
                      _mm512_loadu_si512(offsets + 2 * kLanes),
                      _mm512_loadu_si512(offsets + 3 * kLanes)};
  Sums r0 = start, r1 = start, r2 = start, r3 = start, r4 = start, r5 = start;
  for (int64_t k = 0; k < kInt8Group; k += 4, x += 4, w += 4 * kInt8Panel) {
    const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64),
                  w2 = _mm512_loadu_si512(w + 128), w3 = _mm512_loadu_si512(w + 192);
    r0 = AddRow(r0, x, w0, w1, w2, w3);
    if constexpr (R > 1) r1 = AddRow(r1, x + stride, w0, w1, w2, w3);
    if constexpr (R > 2) r2 = AddRow(r2, x + 2 * stride, w0, w1, w2, w3);
    if constexpr (R > 3) r3 = AddRow(r3, x + 3 * stride, w0, w1, w2, w3);
    if constexpr (R > 4) r4 = AddRow(r4, x + 4 * stride, w0, w1, w2, w3);
    if constexpr (R > 5) r5 = AddRow(r5, x + 5 * stride, w0, w1, w2, w3);
  }
  ScaleAndAdd(r0, scales[0], weight_scales, first, y);
  if constexpr (R > 1) ScaleAndAdd(r1, scales[groups], weight_scales, first, y + kInt8Columns);
  if constexpr (R > 2)
    ScaleAndAdd(r2, scales[2 * groups], weight_scales, first, y + 2 * kInt8Columns);
  if constexpr (R > 3)
    ScaleAndAdd(r3, scales[3 * groups], weight_scales, first, y + 3 * kInt8Columns);
  if constexpr (R > 4)
    ScaleAndAdd(r4, scales[4 * groups], weight_scales, first, y + 4 * kInt8Columns);
  if constexpr (R > 5)
    ScaleAndAdd(r5, scales[5 * groups], weight_scales, first, y + 5 * kInt8Columns);
}

// R rows from `row` on with groups [begin, end) of one panel.
template <int R>
void MultiplyRows(const Int8RowBlock& rows, int64_t row, const int8_t* panel,
                  const Int8ColumnBlock& columns, int64_t panel_column, int64_t begin, int64_t end,
                  float* sums) {
  const int64_t in = rows.groups * kInt8Group;
  for (int64_t g = begin; g < end; ++g) {
    MultiplyGroup<R>(rows.values + row * in + g * kInt8Group, in,
                     rows.scales + row * rows.groups + g, rows.groups,
                     panel + g * kInt8Group * kInt8Panel,
                     columns.offsets + g * columns.stride + panel_column,
                     columns.scales + g * columns.stride + panel_column, g == 0,
                     sums + row * kInt8Columns + panel_column);
  }
}

using MultiplyRowsFunction = void(const Int8RowBlock&, int64_t, const int8_t*,
                                  const Int8ColumnBlock&, int64_t, int64_t, int64_t, float*);
constexpr MultiplyRowsFunction* kMultiplyRows[] = {
    nullptr,         MultiplyRows<1>, MultiplyRows<2>, MultiplyRows<3>,
    MultiplyRows<4>, MultiplyRows<5>, MultiplyRows<6>};

void Multiply(const Int8RowBlock& rows, const Int8ColumnBlock& columns, float* sums) {
  const int64_t panel_bytes = rows.groups * kInt8Group * kInt8Panel;
  for (int64_t column = 0; column < kInt8Columns; column += kInt8Panel) {
    const int8_t* const panel = columns.values + column / kInt8Panel * panel_bytes;
    for (int64_t g = 0; g < rows.groups; g += kGroupsAtOnce) {
      const int64_t end = g + kGroupsAtOnce < rows.groups ? g + kGroupsAtOnce : rows.groups;
      for (int64_t row = 0; row < rows.count; row += kRowsAtOnce) {
        const int64_t left = rows.count - row;
        kMultiplyRows[left < kRowsAtOnce ? left : kRowsAtOnce](rows, row, panel, columns, column, g,
                                                               end, sums);
      }
    }
  }
}

constexpr Int8Kernels kKernels = KernelsAround<kRange>(Multiply);

}  // namespace

const Int8Kernels* VnniInt8Kernels() { return &kKernels; }

}  // namespace magnet

#else

namespace magnet {

const Int8Kernels* VnniInt8Kernels() { return nullptr; }

}  // namespace magnet

#endif
