#include "model/int8/int8_kernels.h"

#include "model/cpu_features.h"

namespace magnet {

const Int8Kernels& BestInt8Kernels() {
  static const Int8Kernels* const best = CpuHasVnni() ? VnniInt8Kernels() : nullptr;
  return best != nullptr ? *best : PortableInt8Kernels();
}

}  // namespace magnet
