// What the CPU has instructions for, and the system keeps registers of. Any thread.
#ifndef MAGNET_MODEL_CPU_FEATURES_H_
#define MAGNET_MODEL_CPU_FEATURES_H_

namespace magnet {

// What files of magnet_compile_for (cmake/MagnetBuild.cmake) use: AVX2 and FMA, or AVX-512 F, BW,
// DQ and VL, which a CPU has besides.
bool CpuHasAvx2();
bool CpuHasAvx512();

// Products of 8-bit numbers by AVX-512 VNNI, four times as many at once as float32.
bool CpuHasVnni();

// The same in vectors of half the width, by AVX-VNNI.
bool CpuHasAvxVnni();

// Tiles of products of 8-bit numbers by AMX, and AVX-512 VNNI. Asks the system once whether this
// process may use the tiles (Linux 5.16 and later).
bool CpuHasAmxInt8();

// What CPUID says of instructions for bfloat16.
struct BFloat16Instructions {
  bool amx = false;      // and the system lets this process use the tiles
  bool avx512 = false;   // AVX512_BF16
  bool float16 = false;  // AVX512_FP16, by which Intel's newer cores are told
  bool intel = false;
};
BFloat16Instructions BFloat16InstructionsOfCpu();

// Whether products in bfloat16 take less time than in float32. Intel's cores that have AVX512_FP16
// (Sapphire Rapids and later) have bfloat16 for AMX: their vdpbf16ps, of twice the products, comes
// out at a quarter of the rate of a float32 vector's (docs/performance.md). Such CPUs without AMX
// are found in virtual machines, which may hide it.
bool GainsByBFloat16(const BFloat16Instructions& cpu);
bool CpuGainsByBFloat16();

// Tiles of bfloat16, by AMX.
bool CpuHasAmxBFloat16();

// Whether products in float32 take less time by oneDNN than by MKL, which multiplies by AVX-512
// on Intel's CPUs alone (docs/performance.md).
bool CpuGainsByOneDnn();

}  // namespace magnet

#endif  // MAGNET_MODEL_CPU_FEATURES_H_
