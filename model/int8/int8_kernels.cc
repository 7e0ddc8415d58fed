#include "model/int8/int8_kernels.h"

namespace magnet {

bool CpuHasVnni() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#else
  return false;
#endif
}

const Int8Kernels& BestInt8Kernels() {
  static const Int8Kernels* const best = CpuHasVnni() ? VnniInt8Kernels() : nullptr;
  return best != nullptr ? *best : PortableInt8Kernels();
}

}  // namespace magnet
