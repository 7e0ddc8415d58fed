// CUDA's kernels on a CPU, thread by thread, for tests: sources of model/cuda/*.cu
// that are compiled with this folder before all others run here as they are.
//
// A launch runs its blocks one after the other. The threads of a block take turns:
// one runs until it waits for its block (__syncthreads) or its warp (shuffles, matrix
// instructions). In every other block the turns go from the last thread to the first:
// what a missing barrier lets through in one order shows in the other. What is left
// out: any time that copies take (they are carried out when they are waited for, at
// the latest moment) and any true concurrency. A block whose threads wait for each
// other in vain ends the program.
#ifndef MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_RUNTIME_H_
#define MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_RUNTIME_H_

#include <math.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __shared__ static  // one block at a time

struct dim3 {
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  unsigned x, y, z;
};

// Of the thread that has its turn.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess };
inline const char* cudaGetErrorString(cudaError_t) { return "emulated"; }

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
};

namespace magnet::cuda_emulation {

void RunGrid(const dim3& grid, const dim3& block, const std::function<void()>& kernel);

// The calling thread waits for all of its block, or of its warp.
void WaitForBlock();
void WaitForWarp();

// What the lanes of the calling thread's warp have put here before WaitForWarp.
constexpr size_t kLaneBytes = 32;
unsigned char* LaneSpace(int lane);

// Copies that the calling thread has begun; carried out, but for the latest groups,
// by WaitForGroups.
void BeginCopy(void* destination, const void* source, size_t bytes);
void CloseGroup();
void WaitForGroups(int groups_left);

template <typename T>
T FromLane(const T& mine, int lane_asked) {
  static_assert(sizeof(T) <= kLaneBytes);
  std::memcpy(LaneSpace(static_cast<int>(threadIdx.x % 32)), &mine, sizeof(T));
  WaitForWarp();
  T value;
  std::memcpy(&value, LaneSpace(lane_asked), sizeof(T));
  WaitForWarp();
  return value;
}

}  // namespace magnet::cuda_emulation

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  magnet::cuda_emulation::RunGrid(config->gridDim, config->blockDim, [&] { kernel(arguments...); });
  return cudaSuccess;
}

inline void __syncthreads() { magnet::cuda_emulation::WaitForBlock(); }

template <typename T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int lane_bits) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  return magnet::cuda_emulation::FromLane(value, lane ^ lane_bits);
}

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }

#endif  // MAGNET_TESTS_TESTING_CUDA_EMULATION_CUDA_RUNTIME_H_
