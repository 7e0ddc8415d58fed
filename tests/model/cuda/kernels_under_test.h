// The table of CUDA kernels that the tests of single kernels compare with the CPU's: on a
// GPU (gpu_kernels.cc) or emulated (emulated_kernels.cc), each a program of its own.
#ifndef MAGNET_TESTS_MODEL_CUDA_KERNELS_UNDER_TEST_H_
#define MAGNET_TESTS_MODEL_CUDA_KERNELS_UNDER_TEST_H_

#include <cstddef>
#include <memory>
#include <string>

#include "model/magnet/step_kernels.h"

namespace magnet {

class KernelsUnderTest {
 public:
  virtual ~KernelsUnderTest() = default;
  virtual StepKernels& kernels() = 0;
  // Memory of the kernels' device, freed with this object.
  virtual void* Allocate(size_t bytes) = 0;
};

// Null where there are none on this machine; then `why` says what is missing.
std::unique_ptr<KernelsUnderTest> OpenKernelsUnderTest(std::string& why);

// How large cases may be: an emulated kernel takes a million times as long.
bool KernelsAreEmulated();

}  // namespace magnet

#endif  // MAGNET_TESTS_MODEL_CUDA_KERNELS_UNDER_TEST_H_
