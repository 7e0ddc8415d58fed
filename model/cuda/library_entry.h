// The one function of libmagnet_cuda.so that others look up by name.
#ifndef MAGNET_MODEL_CUDA_LIBRARY_ENTRY_H_
#define MAGNET_MODEL_CUDA_LIBRARY_ENTRY_H_

#include <cstddef>

#include "model/magnet/step_kernels.h"

namespace magnet {

inline constexpr size_t kMakeStepKernelsErrorBytes = 512;

// The kernels of a GPU, owned by the caller, whose thread they belong to; null
// where the device cannot be used, and then why, in `error`
// [kMakeStepKernelsErrorBytes]. The library must be of the same build as the
// program: the name changes with the interface.
using MakeStepKernelsFunction = StepKernels*(int gpu_index, char* error);
inline constexpr char kMakeStepKernelsName[] = "MagnetMakeStepKernels1";

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_LIBRARY_ENTRY_H_
