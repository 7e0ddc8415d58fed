// What `--device` accepts, and what it says where there is no GPU.
#include "model/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace magnet {
namespace {

using ::testing::HasSubstr;

// If this fails, a typing error silently computes on the CPU.
TEST(ChooseDevice, RefusesOtherNames) {
  for (const char* const name : {"", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda1"}) {
    const auto device = ChooseDevice(name);
    EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(device.status().message()), HasSubstr("auto, cpu, cuda or cuda:N"));
  }
}

TEST(ChooseDevice, TheCpuIsAlwaysThereAndAutoFindsADevice) {
  const auto cpu = ChooseDevice("cpu");
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  EXPECT_FALSE(cpu->is_cuda());
  EXPECT_EQ(Describe(*cpu), "CPU");
  EXPECT_TRUE(ChooseDevice("auto").ok());
}

// If this fails, somebody who asked for a GPU gets the CPU, or no reason.
TEST(ChooseDevice, AGpuThatIsNotThereIsAnErrorWithItsReason) {
  const auto device = ChooseDevice("cuda:63");
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(device.status().message()), HasSubstr("device cuda:63: "));
}

TEST(LoadCudaStepKernels, SaysWhichLibraryWasTried) {
  setenv("MAGNET_CUDA_LIBRARY", "/no/such/library.so", /*overwrite=*/1);
  const auto kernels = LoadCudaStepKernels(/*gpu_index=*/0);
  unsetenv("MAGNET_CUDA_LIBRARY");
  ASSERT_FALSE(kernels.ok());
  EXPECT_EQ(kernels.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(kernels.status().message()), HasSubstr("/no/such/library.so"));
}

}  // namespace
}  // namespace magnet
