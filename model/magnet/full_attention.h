// Attention in which every query sees every key, in float32 on a CPU: to a text, and what the first
// stage spends its time on beside products with weights. By kernels of our own
// (attention_kernels.h). Internal to targets that use LibTorch.
#ifndef MAGNET_MODEL_MAGNET_FULL_ATTENTION_H_
#define MAGNET_MODEL_MAGNET_FULL_ATTENTION_H_

#include "model/torch.h"

namespace magnet {

// There are kernels for this CPU and for heads of this width, q is float32 on the CPU, and no
// gradients are wanted.
bool CanAttendToAll(const torch::Tensor& q, int num_heads);

// softmax(q k^T / sqrt(D / num_heads)) v by head. q [B, M, D], k and v [B, N, D]: float32, the
// elements of a row side by side. Returns [B, M, D], contiguous; no gradients. What a row becomes
// does not depend on the other queries or on the number of threads. Requires CanAttendToAll.
torch::Tensor AttendToAll(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                          int num_heads);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_FULL_ATTENTION_H_
