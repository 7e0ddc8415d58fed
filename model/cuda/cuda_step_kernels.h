// The table of kernels on a GPU: half weights and activations, sums in float32.
#ifndef MAGNET_MODEL_CUDA_CUDA_STEP_KERNELS_H_
#define MAGNET_MODEL_CUDA_CUDA_STEP_KERNELS_H_

#include <cuda_runtime.h>

#include "model/cuda/pinned_matmul.h"
#include "model/cuda/staging_buffer.h"
#include "model/cuda/step_graphs.h"
#include "model/magnet/step_kernels.h"

namespace magnet {

// All work goes into one stream, which waits for the default stream's and is waited
// for by it: what LibTorch computes before a step is there when it begins.
class CudaStepKernels : public StepKernels {
 public:
  // Throws std::runtime_error where there is no such GPU, or one older than sm_80.
  explicit CudaStepKernels(int gpu_index);
  ~CudaStepKernels() override;

  ElementType element_type() const override { return ElementType::kFloat16; }
  int row_tile() const override { return kMatmulRowTile; }
  int64_t full_step_rows() const override;

  void Upload(void* destination, const void* source, size_t bytes) override;
  void Download(void* destination, const void* source, size_t bytes) override;
  void Run(const StepShape& shape, const std::function<void()>& launch) override;
  void ForgetRuns() override;

  void Embed(const EmbedArgs& args) override;
  void AddNorm(const AddNormArgs& args) override;
  void Linear(const LinearArgs& args) override;
  void Gelu(const GeluArgs& args) override;
  void SelfAttention(const SelfAttentionArgs& args) override;
  void CrossAttention(const CrossAttentionArgs& args) override;
  void Sample(const SampleArgs& args) override;

 private:
  void UseGpu() const;
  void Wait() const;

  const int gpu_index_;
  cudaStream_t stream_ = nullptr;
  StagingBuffer upload_, download_;
  PinnedMatmul matmul_;
  StepGraphs graphs_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_CUDA_STEP_KERNELS_H_
