#include "model/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace magnet {

#if defined(__x86_64__)

bool CpuHasAvx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

bool CpuHasVnni() { return CpuHasAvx512() && __builtin_cpu_supports("avx512vnni") != 0; }

// CPUID leaf 7: AMX-BF16 is edx bit 22 of subleaf 0, AVX512_BF16 eax bit 5 of subleaf 1.
bool CpuGainsByBFloat16() {
  if (!CpuHasAvx512()) return false;  // what LibTorch asks for besides
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx >> 22 & 1) != 0) return true;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 5 & 1) != 0;
}

#else

bool CpuHasAvx512() { return false; }
bool CpuHasVnni() { return false; }
bool CpuGainsByBFloat16() { return false; }

#endif

}  // namespace magnet
