// The CUDA kernels of model/cuda/ as a table that runs on the CPU. Only the matrix
// product, which is cuBLASLt's on a GPU, is a loop.
#ifndef MAGNET_TESTS_TESTING_CUDA_EMULATION_EMULATED_STEP_KERNELS_H_
#define MAGNET_TESTS_TESTING_CUDA_EMULATION_EMULATED_STEP_KERNELS_H_

#include <cuda_fp16.h>

#include "model/cuda/kernel_launches.h"
#include "model/magnet/step_kernels.h"

namespace magnet {

class EmulatedStepKernels : public StepKernels {
 public:
  ElementType element_type() const override { return ElementType::kFloat16; }
  int row_tile() const override { return 8; }
  int64_t full_step_rows() const override { return 0; }

  void Upload(void* destination, const void* source, size_t bytes) override {
    std::memcpy(destination, source, bytes);
  }
  void Download(void* destination, const void* source, size_t bytes) override {
    std::memcpy(destination, source, bytes);
  }
  void Run(const StepShape& shape, const std::function<void()>& launch) override { launch(); }
  void ForgetRuns() override {}

  void Embed(const EmbedArgs& args) override { LaunchEmbed(args, nullptr); }
  void AddNorm(const AddNormArgs& args) override { LaunchAddNorm(args, nullptr); }
  void Gelu(const GeluArgs& args) override { LaunchGelu(args, nullptr); }
  void SelfAttention(const SelfAttentionArgs& args) override { LaunchSelfAttention(args, nullptr); }
  void CrossAttention(const CrossAttentionArgs& args) override {
    LaunchCrossAttention(args, nullptr);
  }
  void Sample(const SampleArgs& args) override { LaunchSample(args, nullptr); }

  void Linear(const LinearArgs& args) override {
    const auto halves = [](const Element* elements) {
      return reinterpret_cast<const half*>(elements);
    };
    for (int64_t row = args.first_row; row < args.first_row + args.num_rows; ++row) {
      for (int64_t o = 0; o < args.out; ++o) {
        float sum = 0;
        for (int64_t i = 0; i < args.in; ++i) {
          sum += __half2float(halves(args.input)[row * args.in + i]) *
                 __half2float(halves(args.weight)[o * args.in + i]);
        }
        const int64_t place = row * args.out + o;
        if (args.output == nullptr) {
          if (args.bias != nullptr) sum += static_cast<const float*>(args.bias)[o];
          args.float_output[place] = sum;
        } else {
          if (args.bias != nullptr) sum += __half2float(static_cast<const half*>(args.bias)[o]);
          reinterpret_cast<half*>(args.output)[place] = __float2half(sum);
        }
      }
    }
  }
};

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_CUDA_EMULATION_EMULATED_STEP_KERNELS_H_
