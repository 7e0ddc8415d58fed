#include "model/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace magnet {

#if defined(__x86_64__)

namespace {

struct Leaf7 {
  unsigned edx0 = 0;  // of subleaf 0
  unsigned eax1 = 0;  // of subleaf 1
};

Leaf7 ReadLeaf7() {
  Leaf7 leaf;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) leaf.edx0 = edx;
  if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) leaf.eax1 = eax;
  return leaf;
}

// The kernel saves 8 KiB of tiles for a process only if that has asked for it.
bool MayUseTiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

bool CpuHasAvx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

bool CpuHasAvx512() {
  return CpuHasAvx2() && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}

bool CpuHasVnni() { return CpuHasAvx512() && __builtin_cpu_supports("avx512vnni") != 0; }

// CPUID leaf 7: AMX-TILE is bit 24 and AMX-INT8 bit 25 of edx0.
bool CpuHasAmxInt8() {
  static const bool has = CpuHasVnni() && (ReadLeaf7().edx0 >> 24 & 3) == 3 && MayUseTiles();
  return has;
}

// AMX-BF16 is bit 22 of edx0, AVX512_BF16 bit 5 of eax1.
bool CpuGainsByBFloat16() {
  if (!CpuHasAvx512()) return false;  // what LibTorch asks for besides
  const Leaf7 leaf = ReadLeaf7();
  return (leaf.edx0 >> 22 & 1) != 0 || (leaf.eax1 >> 5 & 1) != 0;
}

#else

bool CpuHasAvx2() { return false; }
bool CpuHasAvx512() { return false; }
bool CpuHasVnni() { return false; }
bool CpuHasAmxInt8() { return false; }
bool CpuGainsByBFloat16() { return false; }

#endif

}  // namespace magnet
