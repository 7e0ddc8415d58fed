// SEANet's decoder: one vector per frame to a waveform.
#ifndef MAGNET_MODEL_ENCODEC_SEANET_DECODER_H_
#define MAGNET_MODEL_ENCODEC_SEANET_DECODER_H_

#include <memory>

#include "model/encodec/seanet_layer.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// `model.{n}`: a convolution; the LSTM, if any; per ratio ELU, a transposed
// convolution of kernel 2r and stride r that halves the channels, and the
// residual blocks; ELU and the last convolution. Each takes an index n.
// Source: arXiv 2210.13438, section 3.1; audiocraft's SEANetDecoder.
class SeanetDecoderImpl : public torch::nn::Module {
 public:
  // `config` must have passed CheckModelConfig.
  explicit SeanetDecoderImpl(const CodecConfig& config);

  // latent [B, dimension, T], T >= 1 -> wave [B, 1, T * hop_length].
  torch::Tensor forward(const torch::Tensor& latent);

  // The same, piece by piece. The decoder must outlive the stream.
  std::unique_ptr<LayerStream> NewStream() const { return model_->NewStream(); }

  // SeanetLayer::ComputeIn, for all layers.
  void ComputeIn(torch::Dtype dtype) { model_->ComputeIn(dtype); }

 private:
  std::shared_ptr<SeanetStack> model_;
};
TORCH_MODULE(SeanetDecoder);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_SEANET_DECODER_H_
