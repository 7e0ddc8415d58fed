// Token embeddings and positions: a block a row.
#include <cuda_fp16.h>

#include "model/cuda/kernel_launches.h"
#include "model/cuda/launch.cuh"
#include "model/cuda/vectors.cuh"

namespace magnet {
namespace {

constexpr int kEmbedThreads = 128;

__global__ void EmbedRow(EmbedArgs args) {
  const int row = blockIdx.x, dim = args.dim;
  const int frame = args.frames[row];
  const int32_t* const ids = args.ids + row * args.num_inputs;
  for (int d = 8 * threadIdx.x; d < dim; d += 8 * kEmbedThreads) {
    float sum[8] = {};
    for (int input = 0; frame >= 0 && input < args.num_inputs; ++input) {
      const int64_t table_row = int64_t{input} * args.num_ids + ids[input];
      float embedding[8];
      LoadFloats8(Halves(args.table) + table_row * dim + d, embedding);
      for (int i = 0; i < 8; ++i) sum[i] += embedding[i];
    }
    if (frame >= 0) {
      float position[8];
      LoadFloats8(args.positions + int64_t{frame} * dim + d, position);
      for (int i = 0; i < 8; ++i) sum[i] += position[i];
    }
    StoreFloats8(sum, args.x + int64_t{row} * dim + d);
  }
}

}  // namespace

void LaunchEmbed(const EmbedArgs& args, cudaStream_t stream) {
  Launch(EmbedRow, dim3(static_cast<unsigned>(args.num_rows)), kEmbedThreads, stream, args,
         "embedding");
}

}  // namespace magnet
