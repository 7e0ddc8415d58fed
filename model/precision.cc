#include "model/precision.h"

#include "model/int8/int8_kernels.h"

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

namespace {

Precision FastestOnCpu() {
  if (CpuGainsByBFloat16()) return Precision::kBFloat16;
  return CpuHasVnni() ? Precision::kInt8 : Precision::kFloat32;
}

}  // namespace

absl::StatusOr<CpuPrecision> PrecisionOnCpu(Precision asked) {
  const Precision precision = asked == Precision::kAuto ? FastestOnCpu() : asked;
  CpuPrecision found;
  if (precision == Precision::kInt8) {
    if (!CpuHasVnni()) {
      return absl::FailedPreconditionError(
          "precision int8: expected a CPU with AVX-512 VNNI, found one without; float32 is the "
          "fastest that every CPU has");
    }
    found.packing = WeightPacking::kInt8;
    return found;
  }
  found.transformer = precision;
  if (precision == Precision::kBFloat16 && CpuGainsByBFloat16()) {
    found.packing = WeightPacking::kBFloat16;
    found.codec_decoder = Precision::kBFloat16;
  }
  return found;
}

}  // namespace magnet
