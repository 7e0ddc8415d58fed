#include <memory>
#include <vector>

#include "tests/model/cuda/kernels_under_test.h"
#include "tests/testing/cuda_emulation/emulated_step_kernels.h"

namespace magnet {
namespace {

class EmulatedKernels : public KernelsUnderTest {
 public:
  StepKernels& kernels() override { return kernels_; }
  void* Allocate(size_t bytes) override {
    memory_.push_back(std::make_unique<std::max_align_t[]>(bytes / sizeof(std::max_align_t) + 1));
    return memory_.back().get();
  }

 private:
  EmulatedStepKernels kernels_;
  std::vector<std::unique_ptr<std::max_align_t[]>> memory_;
};

}  // namespace

std::unique_ptr<KernelsUnderTest> OpenKernelsUnderTest(std::string& why) {
  return std::make_unique<EmulatedKernels>();
}

bool KernelsAreEmulated() { return true; }

}  // namespace magnet
