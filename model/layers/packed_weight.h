// Weights in the order that oneDNN's products want them.
#ifndef MAGNET_MODEL_LAYERS_PACKED_WEIGHT_H_
#define MAGNET_MODEL_LAYERS_PACKED_WEIGHT_H_

#include "model/torch.h"

namespace magnet {

enum class Activation { kNone, kGelu };

// A weight [out, in] in bfloat16 or float32 that oneDNN has put in its own order once. An
// unpacked one is put in order by every product: in bfloat16 at D 1024, 29 MB a layer, as long as
// a third of the products themselves. Needs CpuGainsByBFloat16 or, in float32, CpuGainsByOneDnn
// (model/cpu_features.h). Immutable; any thread.
class PackedWeight {
 public:
  PackedWeight() = default;  // none
  explicit PackedWeight(const torch::Tensor& weight);

  bool defined() const { return weight_.defined(); }

  // x [..., in] of the weight's type -> activation(x weight^T + bias) [..., out] of that type; the
  // activation (GELU: by erf) is computed on sums that were not rounded. `bias` [out] or undefined.
  torch::Tensor Multiply(const torch::Tensor& x, const torch::Tensor& bias,
                         Activation activation = Activation::kNone) const;

 private:
  torch::Tensor weight_;  // opaque
};

}  // namespace magnet

#endif  // MAGNET_MODEL_LAYERS_PACKED_WEIGHT_H_
