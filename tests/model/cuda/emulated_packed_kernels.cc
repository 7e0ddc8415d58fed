#include "tests/model/cuda/packed_kernels.h"
#include "tests/testing/cuda_emulation/emulated_step_kernels.h"

namespace magnet {

PackedKernels OpenPackedKernels() { return {std::make_unique<EmulatedStepKernels>(), "", false}; }

}  // namespace magnet
