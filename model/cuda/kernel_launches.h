// Each kernel of the table (step_kernels.h, which says what they compute) as a
// function that puts it into a stream. Elements are half, sums are float32.
//
// Requirements beyond the table's: widths (D, ffn_dim) and widths of heads are
// multiples of 8, since rows are read 16 bytes at a time. std::invalid_argument
// where a size is not supported, std::runtime_error where a launch fails.
#ifndef MAGNET_MODEL_CUDA_KERNEL_LAUNCHES_H_
#define MAGNET_MODEL_CUDA_KERNEL_LAUNCHES_H_

#include <cuda_runtime.h>

#include "model/magnet/step_kernels.h"

namespace magnet {

void LaunchEmbed(const EmbedArgs& args, cudaStream_t stream);

// dim <= 4096, and a multiple of 8: std::invalid_argument otherwise.
void LaunchAddNorm(const AddNormArgs& args, cudaStream_t stream);

void LaunchGelu(const GeluArgs& args, cudaStream_t stream);

// Heads of at most 128.
void LaunchSelfAttention(const SelfAttentionArgs& args, cudaStream_t stream);
void LaunchCrossAttention(const CrossAttentionArgs& args, cudaStream_t stream);

// card <= 4096.
void LaunchSample(const SampleArgs& args, cudaStream_t stream);

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_KERNEL_LAUNCHES_H_
