// Compiled with AVX-512: calls nothing that is defined in a header for all, or other files might be
// linked with this one's copy.
#include "model/magnet/attention_kernels.h"

#if defined(__AVX512F__)

#include "model/magnet/attention_lanes.h"

namespace magnet {

const AttentionKernels* Avx512AttentionKernels() {
  static constexpr AttentionKernels kKernels = {AttendToAllKeys, AttendToRange};
  return &kKernels;
}

}  // namespace magnet

#else

namespace magnet {

const AttentionKernels* Avx512AttentionKernels() { return nullptr; }

}  // namespace magnet

#endif
