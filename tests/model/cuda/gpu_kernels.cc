#include <cuda_runtime.h>

#include <vector>

#include "model/cuda/library_entry.h"
#include "tests/model/cuda/kernels_under_test.h"

extern "C" magnet::StepKernels* MagnetMakeStepKernels1(int gpu_index, char* error);

namespace magnet {
namespace {

class GpuKernels : public KernelsUnderTest {
 public:
  explicit GpuKernels(std::unique_ptr<StepKernels> kernels) : kernels_(std::move(kernels)) {}
  ~GpuKernels() override {
    for (void* const memory : memory_) cudaFree(memory);
  }

  StepKernels& kernels() override { return *kernels_; }
  void* Allocate(size_t bytes) override {
    void* memory = nullptr;
    if (cudaMalloc(&memory, bytes) != cudaSuccess) return nullptr;
    memory_.push_back(memory);
    return memory;
  }

 private:
  std::unique_ptr<StepKernels> kernels_;
  std::vector<void*> memory_;
};

}  // namespace

std::unique_ptr<KernelsUnderTest> OpenKernelsUnderTest(std::string& why) {
  char error[kMakeStepKernelsErrorBytes] = "";
  std::unique_ptr<StepKernels> kernels(MagnetMakeStepKernels1(/*gpu_index=*/0, error));
  why = error;
  if (kernels == nullptr) return nullptr;
  return std::make_unique<GpuKernels>(std::move(kernels));
}

bool KernelsAreEmulated() { return false; }

}  // namespace magnet
