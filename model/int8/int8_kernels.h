// Products of 8-bit numbers, block by block, and what is done to a block while it is at hand.
//
// Rows of activations, and the weights of an output, are cut into groups of kInt8Group values, each
// with a scale of its own: a group that holds one large value costs its neighbours no precision.
// With q the whole numbers, of -range .. range,
//   y[m, n] = sum over groups g of row_scale[m, g] * weight_scale[n, g] * sum over k in g of
//   q[m, k] q[n, k]
// Inner sums are exact in 32 bits. Activations are stored with `range` added, because the CPU's
// instructions multiply unsigned by signed numbers; `offsets` take it back.
//
// Knows no torch. Immutable tables of functions; any thread.
#ifndef MAGNET_MODEL_INT8_INT8_KERNELS_H_
#define MAGNET_MODEL_INT8_INT8_KERNELS_H_

#include <cstdint>

namespace magnet {

inline constexpr int64_t kInt8Group = 128;  // values of a row that share a scale
inline constexpr int64_t kInt8Panel = 64;   // outputs whose weights lie side by side
inline constexpr int64_t kInt8Columns =
    128;  // outputs of a block: what the next product takes as a group
inline constexpr int64_t kInt8Rows = 48;  // rows of a block, at most
static_assert(kInt8Columns == kInt8Group && kInt8Columns == 2 * kInt8Panel);

// Rows of activations, `groups` * kInt8Group values each.
struct Int8RowBlock {
  const uint8_t* values;  // [count, groups * kInt8Group], `range` added
  const float* scales;    // [count, groups]
  int64_t groups;
  int64_t count;  // 1 .. kInt8Rows
};

// The weights of kInt8Columns outputs.
struct Int8ColumnBlock {
  const int8_t* values;  // [2, groups * kInt8Group / 4, kInt8Panel, 4]
  // Of group g at [g * stride]: [kInt8Columns].
  const float* scales;
  const int32_t* offsets;  // -range * sum of weights
  int64_t stride;
};

// What becomes of the sums [count, kInt8Columns] of a block.
struct Int8Output {
  const float* bias;  // [columns], or null
  int64_t columns;    // that exist: 1 .. kInt8Columns
};

struct Int8Kernels {
  int range;  // at most 127
  // x [count] -> values, `range` added, and a scale per group; of the last group the rest is zero.
  // A group with a value that is not finite has a scale that is not.
  void (*quantize)(const float* x, int64_t count, uint8_t* values, float* scales);
  // Layer norm of x [count] in float32: (x - mean) / sqrt(variance + epsilon) * gain + bias.
  void (*normalize)(const float* x, const float* gain, const float* bias, float epsilon,
                    int64_t count, float* normalized);
  // Sums over all groups, scales included: sums [rows.count, kInt8Columns].
  void (*multiply)(const Int8RowBlock& rows, const Int8ColumnBlock& columns, float* sums);
  // y [columns] = sums + bias, for one row of sums.
  void (*store)(const float* sums, const Int8Output& output, float* y);
  // The same, added to what y is.
  void (*add)(const float* sums, const Int8Output& output, float* y);
  // sums <- gelu(sums + bias), by erf; zero for columns that do not exist. The
  // error is below 4e-6, and 7e-7 of a sum beyond 5.5.
  void (*gelu)(float* sums, const Int8Output& output);
};

// Plain loops: what the others are compared with. `multiply` is for any range.
const Int8Kernels& PortableInt8Kernels();

// AVX-512 VNNI; null where this program was not built for x86-64. Needs CpuHasVnni()
// (model/cpu_features.h).
const Int8Kernels* VnniInt8Kernels();

// AMX; null as above. Needs CpuHasAmxInt8().
const Int8Kernels* AmxInt8Kernels();

// AVX-VNNI; null as above. Needs CpuHasAvxVnni().
const Int8Kernels* AvxVnniInt8Kernels();

// AVX2 and FMA; null as above. Needs CpuHasAvx2(). Sums of two products are rounded off to 16 bits
// there: 2 range * range * 2 may not exceed them, so `range` is 90, half a bit less.
const Int8Kernels* Avx2Int8Kernels();

// Those of the first that the CPU has: AMX, AVX-512 VNNI, AVX-VNNI, AVX2; else the portable ones.
const Int8Kernels& BestInt8Kernels();

// gelu(x) = x (1/2 + u P(t)) with u = x clamped to +-kGeluBound and t = 2 u^2 / kGeluBound^2 - 1: P
// was fitted to erf(u / sqrt(2)) / (2 u) at Chebyshev's points.
inline constexpr float kGeluBound = 5.5f;
inline constexpr float kGeluPolynomial[] = {
    0.12855200469493866f,   -0.06417257338762283f,  0.04772994667291641f,   -0.03878403082489967f,
    0.03219282999634743f,   -0.026141606271266937f, 0.0196311604231596f,    -0.014560358598828316f,
    0.01231748890131712f,   -0.007878193631768227f, 0.0015654307790100574f, -0.0010517730843275785f,
    0.0029367348179221153f, -0.001428040792234242f};
inline constexpr int kGeluDegree = 13;

}  // namespace magnet

#endif  // MAGNET_MODEL_INT8_INT8_KERNELS_H_
