// The table of kernels in plain loops and float32. It is what the kernels of a GPU
// are compared with, and what packed steps are tested on where there is none; the
// engine's CPU path is MagnetTransformer::Pass, which is faster there.
#ifndef MAGNET_MODEL_MAGNET_CPU_STEP_KERNELS_H_
#define MAGNET_MODEL_MAGNET_CPU_STEP_KERNELS_H_

#include "model/magnet/step_kernels.h"

namespace magnet {

class CpuStepKernels : public StepKernels {
 public:
  explicit CpuStepKernels(int row_tile = 8) : row_tile_(row_tile) {}

  ElementType element_type() const override { return ElementType::kFloat32; }
  int row_tile() const override { return row_tile_; }
  int64_t full_step_rows() const override { return 0; }

  void Upload(void* destination, const void* source, size_t bytes) override;
  void Download(void* destination, const void* source, size_t bytes) override;
  void Run(const StepShape& shape, const std::function<void()>& launch) override { launch(); }
  void ForgetRuns() override {}

  void Embed(const EmbedArgs& args) override;
  void AddNorm(const AddNormArgs& args) override;
  void Linear(const LinearArgs& args) override;
  void Gelu(const GeluArgs& args) override;
  void SelfAttention(const SelfAttentionArgs& args) override;
  void CrossAttention(const CrossAttentionArgs& args) override;
  void Sample(const SampleArgs& args) override;

 private:
  const int row_tile_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_CPU_STEP_KERNELS_H_
