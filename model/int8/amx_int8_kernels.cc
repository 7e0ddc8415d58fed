// Compiled with AVX-512: calls nothing that is defined in a header for all, or other files might
// be linked with this one's copy.
//
// AMX multiplies tiles of 16 rows and 64 inputs with tiles of 64 inputs and 16 outputs, eight
// times as many products at once as AVX-512 VNNI. A group is two tiles deep.
#include "model/int8/int8_kernels.h"

#if defined(__AMX_INT8__)

#include "model/int8/int8_group.h"
#include "model/int8/int8_row_kernels.h"

namespace magnet {
namespace {

constexpr int kRange = 127;
constexpr int64_t kTileRows = 16, kTileOutputs = 16, kTileInputs = 64;
constexpr int64_t kRowsAtOnce = 2 * kTileRows;  // fill the eight tiles of the CPU
static_assert(kInt8Group == 2 * kTileInputs && kTileOutputs == kLanes);

// What tiles hold: sums of two times 16 rows; rows, by tile and half of the group; outputs, by
// half.
enum Tile { kSums0, kSums1, kRows00, kRows01, kRows10, kRows11, kOutputs0, kOutputs1, kNumTiles };

// Not by intrinsics: GCC 12's take tiles as digits alone, and do not say what memory they read.
template <Tile kTile>
inline void LoadTile(const void* rows, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <Tile kTile>
inline void StoreTile(void* rows, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
}
// kSum += the products of unsigned rows and signed outputs, four at a time.
template <Tile kSum, Tile kRows, Tile kOutputs>
inline void AddProducts() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kRows), "i"(kOutputs));
}

// As `ldtilecfg` reads it: all tiles are of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  TileConfig() {
    for (int tile = 0; tile < kNumTiles; ++tile) {
      row_bytes[tile] = 64;
      rows[tile] = kTileRows;
    }
  }
};
static_assert(sizeof(TileConfig) == 64);

// Tiles as this thread uses them, while it lives.
class ConfiguredTiles {
 public:
  ConfiguredTiles() { asm volatile("ldtilecfg %0" : : "m"(config_)); }
  ~ConfiguredTiles() { asm volatile("tilerelease"); }

 private:
  const TileConfig config_;
};

using ExactSums = int32_t[kRowsAtOnce][kTileOutputs];

// Both halves of a group of 16 or 32 rows.
inline void LoadRows(const uint8_t* x, bool two) {
  LoadTile<kRows00>(x, kInt8Group);
  LoadTile<kRows01>(x + kTileInputs, kInt8Group);
  if (!two) return;
  LoadTile<kRows10>(x + kTileRows * kInt8Group, kInt8Group);
  LoadTile<kRows11>(x + kTileRows * kInt8Group + kTileInputs, kInt8Group);
}

// The rows of LoadRows with one tile of outputs. Sums start from the offsets, in every row alike.
inline void SumProducts(const GroupOutputs& outputs, bool two, ExactSums& sums) {
  constexpr int64_t kStride = 4 * kInt8Panel;
  LoadTile<kOutputs0>(outputs.values, kStride);
  LoadTile<kOutputs1>(outputs.values + kTileInputs / 4 * kStride, kStride);
  LoadTile<kSums0>(outputs.offsets, 0);
  AddProducts<kSums0, kRows00, kOutputs0>();
  AddProducts<kSums0, kRows01, kOutputs1>();
  StoreTile<kSums0>(sums[0], sizeof(sums[0]));
  if (!two) return;
  LoadTile<kSums1>(outputs.offsets, 0);
  AddProducts<kSums1, kRows10, kOutputs0>();
  AddProducts<kSums1, kRows11, kOutputs1>();
  StoreTile<kSums1>(sums[kTileRows], sizeof(sums[0]));
}

// All rows with the outputs of a block, whose weights of a group stay in L1 for them. Sums of one
// tile of outputs are scaled while the next one is multiplied.
void MultiplyGroup(const GroupRows& rows, const Int8ColumnBlock& columns, int64_t group, float* y) {
  alignas(64) ExactSums sums[2];
  for (int64_t row = 0; row < rows.count; row += kRowsAtOnce) {
    const bool two = rows.count - row > kTileRows;
    LoadRows(rows.values[row], two);
    for (int64_t n = 0; n < kInt8Columns; n += kTileOutputs) {
      const GroupOutputs outputs = OutputsOf(columns, rows.groups, group, n);
      ExactSums& exact = sums[n / kTileOutputs % 2];
      SumProducts(outputs, two, exact);
      ScaleAndAdd(exact, rows, row, outputs.scales, group == 0, y + n);
    }
  }
}

void Multiply(const Int8RowBlock& rows, const Int8ColumnBlock& columns, float* sums) {
  const ConfiguredTiles tiles;
  GroupRows group_rows;
  for (int64_t g = 0; g < rows.groups; ++g) {
    Gather<kTileRows>(rows, g, group_rows);
    MultiplyGroup(group_rows, columns, g, sums);
  }
}

constexpr Int8Kernels kKernels = KernelsAround<kRange>(Multiply);

}  // namespace

const Int8Kernels* AmxInt8Kernels() { return &kKernels; }

}  // namespace magnet

#else

namespace magnet {

const Int8Kernels* AmxInt8Kernels() { return nullptr; }

}  // namespace magnet

#endif
