#include "model/encodec/encodec_model.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "model/layers/uninitialized_weights.h"

namespace magnet {
namespace {

// Ten seconds at the released models' rate: the widest layer of such a codec takes 80 MB.
constexpr int64_t kPieceFrames = 500;

}  // namespace

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
  const bool is_long = wave.size(2) > kPieceFrames * config_.hop_length();
  SeanetEncoder encoder = EncoderInFloat32();
  return is_long ? EncodeInPieces(wave, encoder) : encoder->forward(wave);
}

SeanetEncoder EncodecModelImpl::EncoderInFloat32() {
  const std::vector<torch::Tensor> weights = encoder_->parameters();
  if (weights.front().scalar_type() == torch::kFloat) return encoder_;
  const UninitializedWeights unset;
  SeanetEncoder wide(config_);
  std::vector<torch::Tensor> widened = wide->parameters();
  for (size_t i = 0; i < weights.size(); ++i) widened[i].copy_(weights[i]);
  return wide;
}

torch::Tensor EncodecModelImpl::EncodeInPieces(const torch::Tensor& wave,
                                               const SeanetEncoder& encoder) {
  const int64_t length = wave.size(2), piece = kPieceFrames * config_.hop_length();
  std::vector<torch::Tensor> latents;
  for (int64_t item = 0; item < wave.size(0); ++item) {
    const std::unique_ptr<LayerStream> stream = encoder->NewStream();
    std::vector<torch::Tensor> parts;
    for (int64_t begin = 0; begin < length; begin += piece) {
      const int64_t count = std::min(piece, length - begin);
      parts.push_back(stream->Push(wave.narrow(0, item, 1).narrow(2, begin, count),
                                   /*last=*/begin + count == length));
    }
    latents.push_back(torch::cat(parts, /*dim=*/2));
  }
  return torch::cat(latents);
}

torch::Tensor EncodecModelImpl::DecodeLatent(const torch::Tensor& latent) {
  const torch::NoGradGuard no_grad;
  return decoder_->forward(latent);
}

}  // namespace magnet
