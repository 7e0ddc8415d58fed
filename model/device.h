// Where a model computes, and what has to be loaded for it.
//
// Nothing of CUDA is linked: one set of programs serves machines with and without
// a GPU. Where one is wanted, two libraries are loaded at run time: LibTorch's
// libtorch_cuda.so, for the text encoder and the codec, and this project's
// libmagnet_cuda.so, whose kernels run the transformer (model/cuda/).
#ifndef MAGNET_MODEL_DEVICE_H_
#define MAGNET_MODEL_DEVICE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/magnet/step_kernels.h"

namespace magnet {

enum class DeviceType { kCpu, kCuda };

struct Device {
  DeviceType type = DeviceType::kCpu;
  int index = 0;  // of the GPU

  bool is_cuda() const { return type == DeviceType::kCuda; }
};

// `name`: auto, cpu, cuda (the first GPU) or cuda:N. A GPU is looked for by
// loading libtorch_cuda.so, which lies beside the libtorch_cpu.so in use. auto
// takes the first where there is one, else the CPU. INVALID_ARGUMENT for another
// name; FAILED_PRECONDITION, with what the loader says, where the GPU that is named
// cannot be used.
absl::StatusOr<Device> ChooseDevice(std::string_view name);

// "CPU", "CUDA GPU 0".
std::string Describe(const Device& device);

// The kernels of the GPU with this index, from libmagnet_cuda.so: the file that
// MAGNET_CUDA_LIBRARY names, or the one beside the program, in ../lib/magnet, beside
// libtorch_cpu.so, or where the system's loader looks. FAILED_PRECONDITION says what
// was tried and what the loader or the device said. Requires that ChooseDevice has
// chosen that GPU.
absl::StatusOr<std::unique_ptr<StepKernels>> LoadCudaStepKernels(int gpu_index);

}  // namespace magnet

#endif  // MAGNET_MODEL_DEVICE_H_
