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

constexpr bool Bit(unsigned bits, int place) { return (bits >> place & 1) != 0; }

// AMX-TILE, and the system's leave: it saves 8 KiB of tiles for a process only if that has asked.
bool MayUseTiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  static const bool may =
      Bit(ReadLeaf7().edx0, 24) && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return may;
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

// Bits below: CPUID leaf 7.
bool CpuHasAvxVnni() { return CpuHasAvx2() && Bit(ReadLeaf7().eax1, 4); }

bool CpuHasAmxInt8() { return CpuHasVnni() && Bit(ReadLeaf7().edx0, 25) && MayUseTiles(); }

BFloat16Instructions BFloat16InstructionsOfCpu() {
  if (!CpuHasAvx512()) return {};  // what LibTorch asks for besides
  const Leaf7 leaf = ReadLeaf7();
  return {.amx = Bit(leaf.edx0, 22) && MayUseTiles(),
          .avx512 = Bit(leaf.eax1, 5),
          .float16 = Bit(leaf.edx0, 23),
          .intel = __builtin_cpu_is("intel") != 0};
}

bool CpuGainsByOneDnn() { return CpuHasAvx512() && __builtin_cpu_is("intel") == 0; }

#else

bool CpuHasAvx2() { return false; }
bool CpuHasAvx512() { return false; }
bool CpuHasVnni() { return false; }
bool CpuHasAvxVnni() { return false; }
bool CpuHasAmxInt8() { return false; }
BFloat16Instructions BFloat16InstructionsOfCpu() { return {}; }
bool CpuGainsByOneDnn() { return false; }

#endif

bool GainsByBFloat16(const BFloat16Instructions& cpu) {
  return cpu.amx || (cpu.avx512 && !(cpu.intel && cpu.float16));
}

bool CpuGainsByBFloat16() { return GainsByBFloat16(BFloat16InstructionsOfCpu()); }

bool CpuHasAmxBFloat16() { return BFloat16InstructionsOfCpu().amx; }

}  // namespace magnet
