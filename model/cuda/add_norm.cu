// Residual addition and layer norm: a warp a row, which it keeps in registers.
#include <cuda_fp16.h>

#include <stdexcept>

#include "model/cuda/kernel_launches.h"
#include "model/cuda/launch.cuh"
#include "model/cuda/vectors.cuh"

namespace magnet {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 4;
constexpr int kChunk = 8 * kWarp;  // numbers that a warp reads at once

__device__ float WarpSum(float value) {
  for (int lane_bit = kWarp / 2; lane_bit > 0; lane_bit /= 2) {
    value += __shfl_xor_sync(0xffffffff, value, lane_bit);
  }
  return value;
}

__device__ void AddTo(float (&sum)[8], const float (&values)[8]) {
  for (int i = 0; i < 8; ++i) sum[i] += values[i];
}

// x + y + constant at column `d` of a row.
__device__ void LoadSum(const AddNormArgs& args, int64_t row, int d, float (&sum)[8]) {
  float more[8];
  LoadFloats8(args.x + row * args.dim + d, sum);
  if (args.y != nullptr) {
    LoadFloats8(Halves(args.y) + row * args.dim + d, more);
    AddTo(sum, more);
  }
  if (args.constant != nullptr) {
    LoadFloats8(args.constant + d, more);
    AddTo(sum, more);
  }
}

// Rows of at most kChunks chunks.
template <int kChunks>
__global__ void AddNormRows(AddNormArgs args) {
  const int lane = threadIdx.x % kWarp, dim = args.dim;
  const int i = blockIdx.x * kRowsPerBlock + threadIdx.x / kWarp;
  if (i >= args.num_rows) return;
  const int64_t row = args.gather == nullptr ? args.first_row + i : args.gather[i];
  half* const out = Halves(args.out) + int64_t{args.first_row + i} * dim;

  float x[kChunks][8] = {};
  float total = 0;
#pragma unroll
  for (int c = 0; c < kChunks; ++c) {
    const int d = c * kChunk + 8 * lane;
    if (row < 0 || d >= dim) continue;
    LoadSum(args, row, d, x[c]);
    if (args.gather == nullptr) StoreFloats8(x[c], args.x + row * dim + d);
    for (int j = 0; j < 8; ++j) total += x[c][j];
  }
  const float mean = WarpSum(total) / dim;
  float squares = 0;
#pragma unroll
  for (int c = 0; c < kChunks; ++c) {
    if (c * kChunk + 8 * lane >= dim) continue;
    for (int j = 0; j < 8; ++j) squares += (x[c][j] - mean) * (x[c][j] - mean);
  }
  const float scale = 1.0f / sqrtf(WarpSum(squares) / dim + 1e-5f);
#pragma unroll
  for (int c = 0; c < kChunks; ++c) {
    const int d = c * kChunk + 8 * lane;
    if (d >= dim) continue;
    float gamma[8], beta[8], normed[8] = {};
    LoadFloats8(Halves(args.gamma) + d, gamma);
    LoadFloats8(Halves(args.beta) + d, beta);
    for (int j = 0; j < 8; ++j) {
      if (row >= 0) normed[j] = (x[c][j] - mean) * scale * gamma[j] + beta[j];
    }
    StoreFloats8(normed, out + d);
  }
}

}  // namespace

void LaunchAddNorm(const AddNormArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((args.num_rows + kRowsPerBlock - 1) / kRowsPerBlock));
  const auto launch = [&](void (*kernel)(AddNormArgs)) {
    Launch(kernel, grid, kRowsPerBlock * kWarp, stream, args, "layer norm");
  };
  const int chunks = (args.dim + kChunk - 1) / kChunk;
  if (chunks > 16 || args.dim % 8 != 0) {
    throw std::invalid_argument("layer norm: expected rows of at most 4096, in eights");
  }
  chunks <= 1   ? launch(AddNormRows<1>)
  : chunks <= 4 ? launch(AddNormRows<4>)
  : chunks <= 6 ? launch(AddNormRows<6>)
  : chunks <= 8 ? launch(AddNormRows<8>)
                : launch(AddNormRows<16>);
}

}  // namespace magnet
