// What the CPU has instructions for, and the system keeps registers of. Any thread.
#ifndef MAGNET_MODEL_CPU_FEATURES_H_
#define MAGNET_MODEL_CPU_FEATURES_H_

namespace magnet {

// AVX-512 F, BW, DQ and VL: what files of magnet_compile_for_avx512 (cmake/MagnetBuild.cmake) use.
bool CpuHasAvx512();

// Products of 8-bit numbers by AVX-512 VNNI, four times as many at once as float32.
bool CpuHasVnni();

// Matrix instructions for bfloat16 (AMX or AVX-512 BF16).
bool CpuGainsByBFloat16();

}  // namespace magnet

#endif  // MAGNET_MODEL_CPU_FEATURES_H_
