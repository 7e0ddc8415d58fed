// Reductions over a block, whose result every thread gets, the same in every run:
// the order of the operands is fixed.
#ifndef MAGNET_MODEL_CUDA_BLOCK_REDUCE_CUH_
#define MAGNET_MODEL_CUDA_BLOCK_REDUCE_CUH_

namespace magnet {

// `values` is the block's, one per thread; kThreads a power of two. Every thread
// must come. `combine` is associative up to rounding and commutative.
template <int kThreads, typename T, typename Combine>
__device__ T BlockReduce(T value, T* values, Combine combine) {
  __syncthreads();  // the reduction before may still be read
  values[threadIdx.x] = value;
  __syncthreads();
  for (int reach = kThreads / 2; reach > 0; reach /= 2) {
    if (static_cast<int>(threadIdx.x) < reach) {
      values[threadIdx.x] = combine(values[threadIdx.x], values[threadIdx.x + reach]);
    }
    __syncthreads();
  }
  return values[0];
}

// Sums of the values of this thread and those before it.
template <int kThreads, typename T>
__device__ T BlockInclusiveScan(T value, T* values) {
  __syncthreads();
  values[threadIdx.x] = value;
  __syncthreads();
  for (int reach = 1; reach < kThreads; reach *= 2) {
    const T before = static_cast<int>(threadIdx.x) >= reach ? values[threadIdx.x - reach] : T{};
    __syncthreads();
    values[threadIdx.x] += before;
    __syncthreads();
  }
  return values[threadIdx.x];
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_BLOCK_REDUCE_CUH_
