// EnCodec: a waveform to codes and back.
#ifndef MAGNET_MODEL_ENCODEC_ENCODEC_MODEL_H_
#define MAGNET_MODEL_ENCODEC_ENCODEC_MODEL_H_

#include "model/encodec/residual_vector_quantizer.h"
#include "model/encodec/seanet_decoder.h"
#include "model/encodec/seanet_encoder.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

// Parameters and buffers carry the names of a bundle's codec.safetensors
// (model/bundle.h): load with LoadModule. Convolutions are plain; weight norm
// was folded when the checkpoint was imported.
//
// The functions here compute no gradient and are for using the codec. To train
// it, call encoder() and decoder(), which are differentiable. Batch items do
// not affect each other beyond rounding. Requirements that are broken, and
// running out of memory, throw c10::Error. Not for two threads at once while
// one of them trains or moves the module.
class EncodecModelImpl : public torch::nn::Module {
 public:
  // `config` must have passed CheckModelConfig. Weights are random.
  explicit EncodecModelImpl(const CodecConfig& config);

  // wave [B, 1, N], N >= 1, at sample_rate_hz -> codes [B, K, T], int64, with
  // T = ceil(N / hop_length). The encoder takes a long sound piece by piece, equal to the
  // whole within rounding: its memory does not grow with N. The quantizer's does, by
  // codebook_size numbers a frame.
  torch::Tensor Encode(const torch::Tensor& wave);

  // codes [B, k, T], k in [1, K], T >= 1, values in [0, codebook_size) ->
  // wave [B, 1, T * hop_length].
  torch::Tensor Decode(const torch::Tensor& codes);

  // The halves of Encode and Decode: what lies between the networks and the
  // quantizer, [B, dimension, T].
  torch::Tensor EncodeLatent(const torch::Tensor& wave);
  torch::Tensor DecodeLatent(const torch::Tensor& latent);

  // For decoding on a CPU, once the weights are loaded: the decoder's products go by rows, in
  // `dtype`, float32 (equal to before within 1e-4) or bfloat16 (the last convolution
  // stays in float32); waves are float32 in any case. It is not for training then.
  void DecodeIn(torch::Dtype dtype) { decoder_->ComputeIn(dtype); }

  // The encoder's weights in a type of fewer bits, in which they were stored; a model that only
  // decodes does without the other half. Each call of EncodeLatent widens them for itself and
  // computes in float32, to the same bits. It is not for training then.
  void KeepEncoderIn(torch::Dtype dtype) { encoder_->to(dtype); }

  SeanetEncoder& encoder() { return encoder_; }
  SeanetDecoder& decoder() { return decoder_; }
  ResidualVectorQuantizer& quantizer() { return quantizer_; }
  const CodecConfig& config() const { return config_; }

 private:
  SeanetEncoder EncoderInFloat32();
  torch::Tensor EncodeInPieces(const torch::Tensor& wave, const SeanetEncoder& encoder);

  CodecConfig config_;
  SeanetEncoder encoder_;
  SeanetDecoder decoder_;
  ResidualVectorQuantizer quantizer_;
};
TORCH_MODULE(EncodecModel);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_ENCODEC_MODEL_H_
