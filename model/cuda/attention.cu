// Attention of packed sequences, to themselves or to their texts, without ever
// writing the scores (Dao, "FlashAttention-2", arXiv 2307.08691).
//
// A block computes 64 rows of one head of one sequence, a warp 16 of them. Keys and
// values pass through shared memory tile by tile, the next tile being copied while
// this one is used; scores, probabilities and sums stay in registers. Tiles are
// counted from the sequence's own beginning, and tiles outside the band are not
// visited, so that what a row gets depends on its sequence alone.
#include <cuda_fp16.h>

#include <stdexcept>

#include "model/cuda/kernel_launches.h"
#include "model/cuda/launch.cuh"
#include "model/cuda/tensor_core.cuh"
#include "model/cuda/vectors.cuh"

namespace magnet {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;
constexpr int kQueryRows = 16 * kWarps;
constexpr float kLog2E = 1.4426950408889634f;
constexpr int kEverywhere = 1 << 29;

// One head of one sequence. Row i of a matrix is `stride` halves after row i - 1.
struct Head {
  const half* q;
  const half* keys;
  const half* values;
  half* out;
  const float* score_bias;  // [num_keys] or null
  int q_stride, kv_stride, out_stride;
  int num_rows, num_keys;
  int back, ahead;
  int width;
};

// Halves of a row of shared memory: eight more than needed put rows that are read
// together into different banks.
template <int kWidth>
struct alignas(16) Tiles {
  static constexpr int kKeys = kWidth <= 64 ? 64 : 32;
  static constexpr int kStride = kWidth + 8;
  half keys[2][kKeys][kStride];
  half values[2][kKeys][kStride];
};

template <int kWidth>
__device__ void BeginCopies(Tiles<kWidth>& tiles, int buffer, const Head& head, int first_key) {
  constexpr int kVectors = kWidth / 8;
  for (int i = threadIdx.x; i < Tiles<kWidth>::kKeys * kVectors; i += kThreads) {
    const int key = i / kVectors, column = 8 * (i % kVectors);
    const bool valid = first_key + key < head.num_keys && column < head.width;
    const int64_t offset = valid ? int64_t{first_key + key} * head.kv_stride + column : 0;
    BeginCopy16(&tiles.keys[buffer][key][column], head.keys + offset, valid);
    BeginCopy16(&tiles.values[buffer][key][column], head.values + offset, valid);
  }
  CloseCopies();
}

__device__ uint32_t LoadPair(const Head& head, int row, int column) {
  if (row >= head.num_rows || column >= head.width) return 0;
  return *reinterpret_cast<const uint32_t*>(head.q + int64_t{row} * head.q_stride + column);
}

// What a warp keeps of its 16 rows. A lane has rows g (index 0) and g + 8 (1).
template <int kWidth>
struct WarpState {
  uint32_t q[kWidth / 16][4];  // as MultiplyAdd's a
  float out[kWidth / 8][4];    // as its c, not yet divided by `total`
  float largest[2];            // scores so far, times log2(e)
  float total[2];              // of the probabilities that this lane has seen
};

// scores [16, kKeys] = q keys^T, as MultiplyAdd's c of every 8 keys.
template <int kWidth>
__device__ void Score(const WarpState<kWidth>& state, const half* keys,
                      float (&scores)[Tiles<kWidth>::kKeys / 8][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < Tiles<kWidth>::kKeys / 8; j += 2) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[j][i] = scores[j + 1][i] = 0;
    const int key = 8 * (j + lane / 16) + lane % 8;
#pragma unroll
    for (int c = 0; c < kWidth / 16; ++c) {
      uint32_t b[4];
      LoadMatrices(b, keys + key * Tiles<kWidth>::kStride + 16 * c + 8 * (lane / 8 % 2));
      MultiplyAdd(scores[j], state.q[c], b[0], b[1]);
      MultiplyAdd(scores[j + 1], state.q[c], b[2], b[3]);
    }
  }
}

// Scales, adds the bias, and hides what a row does not attend to.
template <int kWidth>
__device__ void Mask(const Head& head, int first_row, int first_key,
                     float (&scores)[Tiles<kWidth>::kKeys / 8][4]) {
  const int lane = threadIdx.x % 32;
  const float scale = kLog2E / sqrtf(static_cast<float>(head.width));
#pragma unroll
  for (int j = 0; j < Tiles<kWidth>::kKeys / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = first_row + lane / 4 + 8 * (i / 2);
      const int key = first_key + 8 * j + 2 * (lane % 4) + i % 2;
      const bool seen = key < head.num_keys && key >= row - head.back && key <= row + head.ahead;
      const float bias = seen && head.score_bias != nullptr ? head.score_bias[key] * kLog2E : 0;
      scores[j][i] = seen ? scores[j][i] * scale + bias : -INFINITY;
    }
  }
}

// Scores become probabilities relative to the largest so far; what was summed up
// relative to an older one is scaled to it.
template <int kWidth>
__device__ void Exponentiate(WarpState<kWidth>& state,
                             float (&scores)[Tiles<kWidth>::kKeys / 8][4]) {
#pragma unroll
  for (int half_rows = 0; half_rows < 2; ++half_rows) {
    float largest = state.largest[half_rows];
#pragma unroll
    for (int j = 0; j < Tiles<kWidth>::kKeys / 8; ++j) {
      largest = fmaxf(largest, fmaxf(scores[j][2 * half_rows], scores[j][2 * half_rows + 1]));
    }
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, 2));
    // Nothing seen yet: any finite number keeps the exponents from being undefined.
    const float reference = largest == -INFINITY ? 0.0f : largest;
    const float scale = exp2f(state.largest[half_rows] - reference);
    state.largest[half_rows] = largest;
    state.total[half_rows] *= scale;
#pragma unroll
    for (int j = 0; j < Tiles<kWidth>::kKeys / 8; ++j) {
#pragma unroll
      for (int i = 2 * half_rows; i < 2 * half_rows + 2; ++i) {
        scores[j][i] = exp2f(scores[j][i] - reference);
        state.total[half_rows] += scores[j][i];
      }
    }
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
      state.out[n][2 * half_rows] *= scale;
      state.out[n][2 * half_rows + 1] *= scale;
    }
  }
}

// out += probabilities values.
template <int kWidth>
__device__ void AddValues(WarpState<kWidth>& state, const half* values,
                          const float (&p)[Tiles<kWidth>::kKeys / 8][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < Tiles<kWidth>::kKeys / 16; ++k) {
    const uint32_t a[4] = {
        PackHalves(p[2 * k][0], p[2 * k][1]), PackHalves(p[2 * k][2], p[2 * k][3]),
        PackHalves(p[2 * k + 1][0], p[2 * k + 1][1]), PackHalves(p[2 * k + 1][2], p[2 * k + 1][3])};
    const int key = 16 * k + 8 * (lane / 8 % 2) + lane % 8;
#pragma unroll
    for (int n = 0; n < kWidth / 8; n += 2) {
      uint32_t b[4];
      LoadMatricesTransposed(b, values + key * Tiles<kWidth>::kStride + 8 * (n + lane / 16));
      MultiplyAdd(state.out[n], a, b[0], b[1]);
      MultiplyAdd(state.out[n + 1], a, b[2], b[3]);
    }
  }
}

template <int kWidth>
__device__ void Write(const WarpState<kWidth>& state, const Head& head, int first_row) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int half_rows = 0; half_rows < 2; ++half_rows) {
    float total = state.total[half_rows];
    total += __shfl_xor_sync(0xffffffff, total, 1);
    total += __shfl_xor_sync(0xffffffff, total, 2);
    const int row = first_row + lane / 4 + 8 * half_rows;
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
      const int column = 8 * n + 2 * (lane % 4);
      if (row >= head.num_rows || column >= head.width) continue;
      *reinterpret_cast<uint32_t*>(head.out + int64_t{row} * head.out_stride + column) =
          PackHalves(state.out[n][2 * half_rows] / total, state.out[n][2 * half_rows + 1] / total);
    }
  }
}

// The block's rows [first_row, first_row + 64) of a head. All threads of the block.
template <int kWidth>
__device__ void Attend(const Head& head, int first_row, Tiles<kWidth>& tiles) {
  constexpr int kKeys = Tiles<kWidth>::kKeys;
  const int lane = threadIdx.x % 32, warp_row = first_row + 16 * (threadIdx.x / 32);
  const int last_row = min(first_row + kQueryRows, head.num_rows) - 1;
  const int first_tile = max(first_row - head.back, 0) / kKeys;
  const int end_key = min(last_row + head.ahead + 1, head.num_keys);
  const int end_tile = (end_key + kKeys - 1) / kKeys;
  BeginCopies<kWidth>(tiles, 0, head, first_tile * kKeys);

  WarpState<kWidth> state = {};
  state.largest[0] = state.largest[1] = -INFINITY;
#pragma unroll
  for (int c = 0; c < kWidth / 16; ++c) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      state.q[c][i] =
          LoadPair(head, warp_row + lane / 4 + 8 * (i % 2), 16 * c + 2 * (lane % 4) + 8 * (i / 2));
    }
  }
  for (int tile = first_tile; tile < end_tile; ++tile) {
    const int buffer = (tile - first_tile) % 2;
    if (tile + 1 < end_tile) {
      BeginCopies<kWidth>(tiles, 1 - buffer, head, (tile + 1) * kKeys);
      WaitForCopies<1>();
    } else {
      WaitForCopies<0>();
    }
    __syncthreads();
    float scores[kKeys / 8][4];
    Score<kWidth>(state, &tiles.keys[buffer][0][0], scores);
    Mask<kWidth>(head, warp_row, tile * kKeys, scores);
    Exponentiate<kWidth>(state, scores);
    AddValues<kWidth>(state, &tiles.values[buffer][0][0], scores);
    __syncthreads();
  }
  Write<kWidth>(state, head, warp_row);
}

// Grid: rows / 64, heads, sequences.
template <int kWidth>
__global__ void AttendToFrames(SelfAttentionArgs args) {
  const AttentionSpan span = args.spans[blockIdx.z];
  const int first_row = blockIdx.x * kQueryRows;
  if (first_row >= span.num_rows) return;
  const int dim = args.dim, width = dim / args.num_heads, column = blockIdx.y * width;
  const half* const qkv = Halves(args.qkv) + int64_t{span.first_row} * 3 * dim + column;
  const Head head = {qkv,
                     qkv + dim,
                     qkv + 2 * dim,
                     Halves(args.out) + int64_t{span.first_row} * dim + column,
                     /*score_bias=*/nullptr,
                     /*q_stride=*/3 * dim,
                     /*kv_stride=*/3 * dim,
                     /*out_stride=*/dim,
                     span.num_rows,
                     /*num_keys=*/span.num_rows,
                     span.back,
                     span.ahead,
                     width};
  __shared__ Tiles<kWidth> tiles;
  Attend<kWidth>(head, first_row, tiles);
}

template <int kWidth>
__global__ void AttendToText(CrossAttentionArgs args) {
  const AttentionSpan span = args.spans[blockIdx.z];
  const TextSpan text = args.texts[blockIdx.z];
  const int first_row = blockIdx.x * kQueryRows;
  if (first_row >= span.num_rows) return;
  const int dim = args.dim, width = dim / args.num_heads, column = blockIdx.y * width;
  const int64_t offset = int64_t{span.first_row} * dim + column;
  const int64_t matrix = int64_t{text.num_keys} * dim;
  const half* const keys = Halves(text.kv) + 2 * args.layer * matrix + column;
  const Head head = {
      Halves(args.q) + offset, keys,          keys + matrix, Halves(args.out) + offset,
      text.score_bias,
      /*q_stride=*/dim,
      /*kv_stride=*/dim,
      /*out_stride=*/dim,      span.num_rows, text.num_keys,
      /*back=*/kEverywhere,
      /*ahead=*/kEverywhere,   width};
  __shared__ Tiles<kWidth> tiles;
  Attend<kWidth>(head, first_row, tiles);
}

template <typename Args>
void LaunchForWidth(const Args& args, cudaStream_t stream, void (*kernel16)(Args),
                    void (*kernel32)(Args), void (*kernel64)(Args), void (*kernel128)(Args)) {
  const int width = args.dim / args.num_heads;
  if (width % 8 != 0 || width > 128) {
    throw std::invalid_argument("attention: expected heads of at most 128, in eights");
  }
  const dim3 grid(static_cast<unsigned>((args.max_frames + kQueryRows - 1) / kQueryRows),
                  static_cast<unsigned>(args.num_heads), static_cast<unsigned>(args.num_sequences));
  const auto kernel = width <= 16   ? kernel16
                      : width <= 32 ? kernel32
                      : width <= 64 ? kernel64
                                    : kernel128;
  Launch(kernel, grid, kThreads, stream, args, "attention");
}

}  // namespace

void LaunchSelfAttention(const SelfAttentionArgs& args, cudaStream_t stream) {
  LaunchForWidth(args, stream, AttendToFrames<16>, AttendToFrames<32>, AttendToFrames<64>,
                 AttendToFrames<128>);
}

void LaunchCrossAttention(const CrossAttentionArgs& args, cudaStream_t stream) {
  LaunchForWidth(args, stream, AttendToText<16>, AttendToText<32>, AttendToText<64>,
                 AttendToText<128>);
}

}  // namespace magnet
