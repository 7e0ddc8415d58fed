#include "model/device.h"
#include "tests/model/cuda/packed_kernels.h"

namespace magnet {

PackedKernels OpenPackedKernels() {
  const auto device = ChooseDevice("cuda");
  if (!device.ok()) return {nullptr, std::string(device.status().message()), true};
  auto kernels = LoadCudaStepKernels(device->index);
  if (!kernels.ok()) return {nullptr, std::string(kernels.status().message()), true};
  return {*std::move(kernels), "", true};
}

}  // namespace magnet
