#include "model/cuda/cuda_step_kernels.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "model/cuda/cuda_error.h"
#include "model/cuda/kernel_launches.h"

namespace magnet {
namespace {

// Four guided clips of ten seconds. An estimate: matrices of so many rows keep all
// multiprocessors of an H100 busy; docs/performance.md.
constexpr int64_t kFullStepRows = 4096;

void CheckGpu(int gpu_index) {
  CheckCuda(cudaSetDevice(gpu_index), "GPU");
  int major = 0;
  CheckCuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu_index), "GPU");
  if (major >= 8) return;
  throw std::runtime_error("expected a GPU of compute capability 8.0 or later, found " +
                           std::to_string(major) + ".x");
}

}  // namespace

CudaStepKernels::CudaStepKernels(int gpu_index) : gpu_index_(gpu_index) {
  CheckGpu(gpu_index);
  CheckCuda(cudaStreamCreate(&stream_), "stream");
}

CudaStepKernels::~CudaStepKernels() {
  cudaSetDevice(gpu_index_);
  cudaStreamSynchronize(stream_);
  graphs_.Forget();
  cudaStreamDestroy(stream_);
}

int64_t CudaStepKernels::full_step_rows() const { return kFullStepRows; }

// The current GPU is a thread's own, and the caller's need not be ours.
void CudaStepKernels::UseGpu() const { CheckCuda(cudaSetDevice(gpu_index_), "GPU"); }

void CudaStepKernels::Wait() const { CheckCuda(cudaStreamSynchronize(stream_), "step"); }

void CudaStepKernels::Upload(void* destination, const void* source, size_t bytes) {
  UseGpu();
  Wait();  // for the upload before, which may still read what is overwritten here
  void* const staged = upload_.Take(bytes);
  std::memcpy(staged, source, bytes);
  CheckCuda(cudaMemcpyAsync(destination, staged, bytes, cudaMemcpyHostToDevice, stream_), "upload");
}

void CudaStepKernels::Download(void* destination, const void* source, size_t bytes) {
  UseGpu();
  void* const staged = download_.Take(bytes);
  CheckCuda(cudaMemcpyAsync(staged, source, bytes, cudaMemcpyDeviceToHost, stream_), "download");
  Wait();
  std::memcpy(destination, staged, bytes);
}

void CudaStepKernels::Run(const StepShape& shape, const std::function<void()>& launch) {
  UseGpu();
  graphs_.Run(shape, stream_, launch);
}

void CudaStepKernels::ForgetRuns() {
  UseGpu();
  Wait();
  graphs_.Forget();
}

void CudaStepKernels::Embed(const EmbedArgs& args) { LaunchEmbed(args, stream_); }
void CudaStepKernels::AddNorm(const AddNormArgs& args) { LaunchAddNorm(args, stream_); }
void CudaStepKernels::Linear(const LinearArgs& args) { matmul_.Run(args, stream_); }
void CudaStepKernels::Gelu(const GeluArgs& args) { LaunchGelu(args, stream_); }
void CudaStepKernels::SelfAttention(const SelfAttentionArgs& args) {
  LaunchSelfAttention(args, stream_);
}
void CudaStepKernels::CrossAttention(const CrossAttentionArgs& args) {
  LaunchCrossAttention(args, stream_);
}
void CudaStepKernels::Sample(const SampleArgs& args) { LaunchSample(args, stream_); }

}  // namespace magnet
