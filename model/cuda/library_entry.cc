#include "model/cuda/library_entry.h"

#include <cstring>
#include <exception>
#include <string>

#include "model/cuda/cuda_step_kernels.h"

extern "C" __attribute__((visibility("default"))) magnet::StepKernels* MagnetMakeStepKernels1(
    int gpu_index, char* error) {
  try {
    return new magnet::CudaStepKernels(gpu_index);
  } catch (const std::exception& problem) {
    const std::string message =
        std::string(problem.what()).substr(0, magnet::kMakeStepKernelsErrorBytes - 1);
    std::memcpy(error, message.c_str(), message.size() + 1);
    return nullptr;
  }
}
