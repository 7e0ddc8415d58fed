#include "model/precision.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace magnet {

// CPUID leaf 7: AMX-BF16 is edx bit 22 of subleaf 0, AVX512_BF16 eax bit 5 of subleaf 1.
bool CpuGainsByBFloat16() {
#if defined(__x86_64__)
  // What LibTorch asks for besides; tells also whether the system keeps such registers.
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512dq")) {
    return false;
  }
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx >> 22 & 1) != 0) return true;
  if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 5 & 1) != 0) return true;
#endif
  return false;
}

CpuPrecision PrecisionOnCpu(Precision asked) {
  const bool gains = CpuGainsByBFloat16();
  CpuPrecision found;
  found.transformer = asked;
  if (asked == Precision::kAuto) {
    found.transformer = gains ? Precision::kBFloat16 : Precision::kFloat32;
  }
  found.packs_weights = gains && found.transformer == Precision::kBFloat16;
  found.codec_decoder = found.packs_weights ? Precision::kBFloat16 : Precision::kFloat32;
  return found;
}

}  // namespace magnet
