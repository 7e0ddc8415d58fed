// SEANet's encoder: a waveform to one vector per frame.
#ifndef MAGNET_MODEL_ENCODEC_SEANET_ENCODER_H_
#define MAGNET_MODEL_ENCODEC_SEANET_ENCODER_H_

#include <memory>

#include "model/encodec/seanet_layer.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// `model.{n}`: a convolution; per ratio (last ratio first) the residual blocks,
// ELU and a convolution of kernel 2r and stride r that doubles the channels;
// the LSTM, if any; ELU and the last convolution. Each takes an index n.
// Source: arXiv 2210.13438, section 3.1; audiocraft's SEANetEncoder.
class SeanetEncoderImpl : public torch::nn::Module {
 public:
  // `config` must have passed CheckModelConfig.
  explicit SeanetEncoderImpl(const CodecConfig& config);

  // wave [B, 1, N], N >= 1 -> [B, dimension, ceil(N / hop_length)].
  torch::Tensor forward(const torch::Tensor& wave);

  // The same, piece by piece. The encoder must outlive the stream.
  std::unique_ptr<LayerStream> NewStream() const { return model_->NewStream(); }

 private:
  std::shared_ptr<SeanetStack> model_;
};
TORCH_MODULE(SeanetEncoder);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_SEANET_ENCODER_H_
