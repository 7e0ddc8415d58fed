// Products of rows with weights, whose result for a row does not depend on the
// other rows, nor on how many there are.
//
// How: for each shape of weights (out, in, output type, bias) one cuBLASLt algorithm
// is chosen, once, and used for any number of rows. It has no split of the reduction
// (split-K of 1, no reduction scheme, no workspace that partial sums could lie in),
// so an output is summed up by one block of threads, over `in` in the order that the
// algorithm's tile fixes. Rows come in whole tiles of 128 at addresses of the same
// alignment, so no edge of a matrix is treated in another way. Where the algorithm
// does not take a number of rows the product fails; there is no second one.
// tests/model/cuda/step_kernels_test.cc compares the bytes on a GPU.
#ifndef MAGNET_MODEL_CUDA_PINNED_MATMUL_H_
#define MAGNET_MODEL_CUDA_PINNED_MATMUL_H_

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <map>
#include <tuple>

#include "model/magnet/step_kernels.h"

namespace magnet {

inline constexpr int kMatmulRowTile = 128;

// Not thread-safe. Throws std::runtime_error.
class PinnedMatmul {
 public:
  PinnedMatmul();
  ~PinnedMatmul();
  PinnedMatmul(const PinnedMatmul&) = delete;
  PinnedMatmul& operator=(const PinnedMatmul&) = delete;

  // StepKernels::Linear of half weights. in, out: multiples of 8.
  void Run(const LinearArgs& args, cudaStream_t stream);

 private:
  struct Shape {
    int in = 0, out = 0;
    bool has_bias = false, float_output = false;
    auto key() const { return std::tuple(in, out, has_bias, float_output); }
    bool operator<(const Shape& other) const { return key() < other.key(); }
  };

  cublasLtMatmulAlgo_t ChooseAlgorithm(const Shape& shape);
  const cublasLtMatmulAlgo_t& AlgorithmOf(const Shape& shape);

  cublasLtHandle_t handle_ = nullptr;
  std::map<Shape, cublasLtMatmulAlgo_t> algorithms_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_PINNED_MATMUL_H_
