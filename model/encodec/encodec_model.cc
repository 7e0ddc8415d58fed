#include "model/encodec/encodec_model.h"

namespace magnet {

EncodecModelImpl::EncodecModelImpl(const CodecConfig& config)
    : config_(config),
      encoder_(register_module("encoder", SeanetEncoder(config))),
      decoder_(register_module("decoder", SeanetDecoder(config))),
      quantizer_(register_module("quantizer", ResidualVectorQuantizer(config))) {}

torch::Tensor EncodecModelImpl::Encode(const torch::Tensor& wave) {
  return quantizer_->Encode(EncodeLatent(wave));
}

torch::Tensor EncodecModelImpl::Decode(const torch::Tensor& codes) {
  return DecodeLatent(quantizer_->Decode(codes));
}

torch::Tensor EncodecModelImpl::EncodeLatent(const torch::Tensor& wave) {
  const torch::NoGradGuard no_grad;
  return encoder_->forward(wave);
}

torch::Tensor EncodecModelImpl::DecodeLatent(const torch::Tensor& latent) {
  const torch::NoGradGuard no_grad;
  return decoder_->forward(latent);
}

}  // namespace magnet
