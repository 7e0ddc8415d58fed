// x + conv1(ELU(conv_k(ELU(x)))): SEANet's residual block.
#ifndef MAGNET_MODEL_ENCODEC_RESIDUAL_BLOCK_H_
#define MAGNET_MODEL_ENCODEC_RESIDUAL_BLOCK_H_

#include <memory>

#include "model/encodec/padded_conv.h"
#include "model/encodec/seanet_layer.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// Weights `block.1.conv.conv.*` (kernel residual_kernel_size, narrows the
// channels by `compress`), `block.3.conv.conv.*` (kernel 1, widens them again)
// and, with conv_shortcut, `shortcut.conv.conv.*` (kernel 1 on the skip path).
class ResidualBlock : public SeanetLayer {
 public:
  ResidualBlock(const CodecConfig& config, int64_t channels, int64_t dilation);

  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;
  void ComputeIn(torch::Dtype dtype) override;

 private:
  std::shared_ptr<PaddedConv> narrow_;    // C -> C / compress
  std::shared_ptr<PaddedConv> widen_;     // C / compress -> C
  std::shared_ptr<PaddedConv> shortcut_;  // C -> C; null: identity
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_RESIDUAL_BLOCK_H_
