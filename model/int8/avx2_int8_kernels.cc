// Compiled with AVX2: calls nothing that is defined in a header for all, or other files might be
// linked with this one's copy.
//
// AVX2 multiplies unsigned by signed bytes and sums two products in 16 bits, which hold no more
// than 2 * 180 * 90 of them.
#include "model/int8/int8_kernels.h"

#if defined(__AVX2__)

#include "model/int8/int8_group.h"
#include "model/int8/int8_row_kernels.h"

namespace magnet {
namespace {

constexpr int kRange = 90;
static_assert(2 * (2 * kRange) * kRange <= INT16_MAX);
constexpr int64_t kRowsAtOnce = 6;  // with two vectors of outputs, 12 of the 16 registers
constexpr int64_t kOutputsAtOnce = 2 * kLanes;

// sums [kRowsAtOnce, kOutputsAtOnce] = offsets + products of the whole numbers. In assembly, since
// GCC 12 moves and spills sums in every round: %ymm0 to %ymm11 hold them, two for a row.
// clang-format off
#define MAGNET_START_ROW(low, high)              \
  "vmovdqu (%[offsets]), %%ymm" low "\n\t"       \
  "vmovdqu 32(%[offsets]), %%ymm" high "\n\t"
#define MAGNET_ADD_ROW(x, low, high)                        \
  "vpbroadcastd " x ", %%ymm14\n\t"                         \
  "vpmaddubsw %%ymm12, %%ymm14, %%ymm15\n\t"                \
  "vpmaddubsw %%ymm13, %%ymm14, %%ymm14\n\t"                \
  "vpmaddwd %[ones], %%ymm15, %%ymm15\n\t"                  \
  "vpmaddwd %[ones], %%ymm14, %%ymm14\n\t"                  \
  "vpaddd %%ymm15, %%ymm" low ", %%ymm" low "\n\t"          \
  "vpaddd %%ymm14, %%ymm" high ", %%ymm" high "\n\t"
#define MAGNET_STORE_ROW(at, low, high)                     \
  "vmovdqu %%ymm" low ", " at "(%[sums])\n\t"               \
  "vmovdqu %%ymm" high ", 32+" at "(%[sums])\n\t"
void SumProducts(const uint8_t* x, const int8_t* w, const int32_t* offsets,
                 int32_t (&sums)[kRowsAtOnce][kOutputsAtOnce]) {
  static_assert(kInt8Group == 128 && kInt8Panel * 4 == 256 && kOutputsAtOnce * 4 == 64);
  const __m256i ones = _mm256_set1_epi16(1);
  const uint8_t* const end = x + kInt8Group;
  asm volatile(
      MAGNET_START_ROW("0", "1") MAGNET_START_ROW("2", "3") MAGNET_START_ROW("4", "5")
      MAGNET_START_ROW("6", "7") MAGNET_START_ROW("8", "9") MAGNET_START_ROW("10", "11")
      "1:\n\t"
      "vmovdqu (%[w]), %%ymm12\n\t"
      "vmovdqu 32(%[w]), %%ymm13\n\t"
      MAGNET_ADD_ROW("(%[x])", "0", "1")
      MAGNET_ADD_ROW("128(%[x])", "2", "3")
      MAGNET_ADD_ROW("256(%[x])", "4", "5")
      MAGNET_ADD_ROW("384(%[x])", "6", "7")
      MAGNET_ADD_ROW("512(%[x])", "8", "9")
      MAGNET_ADD_ROW("640(%[x])", "10", "11")
      "add $256, %[w]\n\t"
      "add $4, %[x]\n\t"
      "cmp %[end], %[x]\n\t"
      "jne 1b\n\t"
      MAGNET_STORE_ROW("0", "0", "1") MAGNET_STORE_ROW("64", "2", "3")
      MAGNET_STORE_ROW("128", "4", "5") MAGNET_STORE_ROW("192", "6", "7")
      MAGNET_STORE_ROW("256", "8", "9") MAGNET_STORE_ROW("320", "10", "11")
      : [x] "+r"(x), [w] "+r"(w)
      : [end] "r"(end), [offsets] "r"(offsets), [sums] "r"(&sums[0][0]), [ones] "m"(ones)
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#undef MAGNET_STORE_ROW
#undef MAGNET_ADD_ROW
#undef MAGNET_START_ROW
// clang-format on

constexpr Int8Kernels kKernels =
    KernelsAround<kRange>(MultiplyByTiles<kRowsAtOnce, kOutputsAtOnce, SumProducts>);

}  // namespace

const Int8Kernels* Avx2Int8Kernels() { return &kKernels; }

}  // namespace magnet

#else

namespace magnet {

const Int8Kernels* Avx2Int8Kernels() { return nullptr; }

}  // namespace magnet

#endif
