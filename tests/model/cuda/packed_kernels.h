// The CUDA kernels that packed_transformer_test.cc runs whole steps with: a GPU's
// (gpu_packed_kernels.cc) or emulated ones (emulated_packed_kernels.cc).
#ifndef MAGNET_TESTS_MODEL_CUDA_PACKED_KERNELS_H_
#define MAGNET_TESTS_MODEL_CUDA_PACKED_KERNELS_H_

#include <memory>
#include <string>

#include "model/magnet/step_kernels.h"

namespace magnet {

struct PackedKernels {
  std::unique_ptr<StepKernels> kernels;  // null: none on this machine
  std::string why;                       // there are none
  bool on_gpu = false;                   // where the model must lie
};

PackedKernels OpenPackedKernels();

}  // namespace magnet

#endif  // MAGNET_TESTS_MODEL_CUDA_PACKED_KERNELS_H_
