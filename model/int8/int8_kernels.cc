#include "model/int8/int8_kernels.h"

#include "model/cpu_features.h"

namespace magnet {
namespace {

const Int8Kernels& Choose() {
  if (CpuHasAmxInt8()) return *AmxInt8Kernels();
  if (CpuHasVnni()) return *VnniInt8Kernels();
  if (CpuHasAvxVnni()) return *AvxVnniInt8Kernels();
  return CpuHasAvx2() ? *Avx2Int8Kernels() : PortableInt8Kernels();
}

}  // namespace

const Int8Kernels& BestInt8Kernels() {
  static const Int8Kernels& best = Choose();
  return best;
}

}  // namespace magnet
