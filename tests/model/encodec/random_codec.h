// Codecs of random shapes and weights for the tests of this folder.
#ifndef MAGNET_TESTS_MODEL_ENCODEC_RANDOM_CODEC_H_
#define MAGNET_TESTS_MODEL_ENCODEC_RANDOM_CODEC_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/encodec/encodec_model.h"
#include "model/encodec/streaming_decoder.h"
#include "model/model_config.h"
#include "model/torch.h"

namespace magnet {

inline CodecConfig SmallCodecConfig() {
  CodecConfig config;
  config.sample_rate_hz = 8000;
  config.num_filters = 4;
  config.dimension = 6;
  config.ratios = {4, 3, 2};
  config.num_codebooks = 3;
  config.codebook_size = 16;
  return config;
}

inline CodecConfig RandomCodecConfig(std::mt19937& random) {
  const auto pick = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  CodecConfig config = SmallCodecConfig();
  config.ratios.clear();
  for (int i = pick(1, 3); i > 0; --i) config.ratios.push_back(pick(1, 6));
  config.kernel_size = pick(1, 9);
  config.last_kernel_size = pick(1, 9);
  config.residual_kernel_size = pick(1, 5);
  config.num_residual_layers = pick(0, 3);
  config.dilation_base = pick(1, 3);
  config.compress = pick(1, 2);
  config.lstm_layers = pick(0, 2);
  config.causal = pick(0, 1) == 1;
  config.conv_shortcut = pick(0, 1) == 1;
  config.pad_mode = pick(0, 1) == 1 ? PadMode::kReflect : PadMode::kConstant;
  if (config.causal) config.trim_right_ratio = pick(0, 4) / 4.0;
  return config;
}

inline std::string Describe(const CodecConfig& c) {
  return absl::StrCat(
      "ratios ", absl::StrJoin(c.ratios, ","), " kernels ", c.kernel_size, ",", c.last_kernel_size,
      ",", c.residual_kernel_size, " blocks ", c.num_residual_layers, " dilation ", c.dilation_base,
      " lstm ", c.lstm_layers, c.causal ? " causal" : "", c.conv_shortcut ? " shortcut" : "",
      c.pad_mode == PadMode::kReflect ? " reflect" : " constant", " trim ", c.trim_right_ratio);
}

inline EncodecModel RandomCodec(const CodecConfig& config, int64_t seed) {
  torch::manual_seed(seed);
  EncodecModel model(config);
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& buffer : model->buffers()) buffer.normal_();
  return model;
}

inline torch::Tensor RandomCodes(const CodecConfig& config,
                                 int64_t num_frames) {  // [1, K, T]
  return torch::randint(config.codebook_size, {1, config.num_codebooks, num_frames}, torch::kInt64);
}

// Decodes codes [1, K, T] in chunks, the sizes taken from `chunks` in turn.
inline torch::Tensor DecodeInChunks(EncodecModel model, const torch::Tensor& codes,
                                    const std::vector<int64_t>& chunks) {  // [1, 1, T hop]
  StreamingDecoder decoder(model);
  std::vector<torch::Tensor> pieces;
  const int64_t num_frames = codes.size(2);
  for (int64_t start = 0, i = 0; start < num_frames; ++i) {
    const int64_t chunk = chunks[static_cast<size_t>(i) % chunks.size()];
    const int64_t length = std::min(chunk, num_frames - start);
    const bool last = start + length == num_frames;
    pieces.push_back(decoder.Push(codes[0].narrow(/*dim=*/1, start, length), last));
    start += length;
  }
  return torch::cat(pieces).view({1, 1, -1});
}

}  // namespace magnet

#endif  // MAGNET_TESTS_MODEL_ENCODEC_RANDOM_CODEC_H_
