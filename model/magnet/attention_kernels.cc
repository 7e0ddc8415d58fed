#include "model/magnet/attention_kernels.h"

#include "model/cpu_features.h"

namespace magnet {
namespace {

const AttentionKernels* Choose() {
  if (CpuHasAvx512()) return Avx512AttentionKernels();
  return CpuHasAvx2() ? Avx2AttentionKernels() : nullptr;
}

}  // namespace

const AttentionKernels* BestAttentionKernels() {
  static const AttentionKernels* const best = Choose();
  return best;
}

}  // namespace magnet
