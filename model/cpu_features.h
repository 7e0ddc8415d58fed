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

// Tiles of products of 8-bit numbers by AMX, and AVX-512 VNNI. Asks the system once whether this
// process may use the tiles (Linux 5.16 and later).
bool CpuHasAmxInt8();

// Matrix instructions for bfloat16 (AMX or AVX-512 BF16).
bool CpuGainsByBFloat16();

}  // namespace magnet

#endif  // MAGNET_MODEL_CPU_FEATURES_H_
