// GELU with erf, eight numbers a thread.
#include <cuda_fp16.h>

#include "model/cuda/kernel_launches.h"
#include "model/cuda/launch.cuh"
#include "model/cuda/vectors.cuh"

namespace magnet {
namespace {

constexpr int kGeluThreads = 256;

__global__ void Gelu8(GeluArgs args) {
  const int64_t first = 8 * (int64_t{blockIdx.x} * kGeluThreads + threadIdx.x);
  if (first >= int64_t{args.num_rows} * args.dim) return;
  constexpr float kRootHalf = 0.70710678118654752f;
  float x[8];
  LoadFloats8(Halves(args.x) + first, x);
  for (int i = 0; i < 8; ++i) x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * kRootHalf));
  StoreFloats8(x, Halves(args.x) + first);
}

}  // namespace

void LaunchGelu(const GeluArgs& args, cudaStream_t stream) {
  const int64_t threads = int64_t{args.num_rows} * args.dim / 8;
  const auto blocks = static_cast<unsigned>((threads + kGeluThreads - 1) / kGeluThreads);
  Launch(Gelu8, dim3(blocks), kGeluThreads, stream, args, "gelu");
}

}  // namespace magnet
