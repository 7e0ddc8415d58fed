#include "model/encodec/seanet_decoder.h"

#include "model/encodec/cropped_transposed_conv.h"
#include "model/encodec/padded_conv.h"
#include "model/encodec/residual_block.h"
#include "model/encodec/residual_lstm.h"

namespace magnet {

SeanetDecoderImpl::SeanetDecoderImpl(const CodecConfig& config)
    : model_(register_module("model", std::make_shared<SeanetStack>())) {
  int64_t channels = static_cast<int64_t>(config.num_filters) << config.ratios.size();
  PaddedConvOptions conv{.in_channels = config.dimension,
                         .out_channels = channels,
                         .kernel_size = config.kernel_size,
                         .causal = config.causal,
                         .pad_mode = config.pad_mode};
  model_->Append<PaddedConv>(conv);
  if (config.lstm_layers > 0) model_->Append<ResidualLstm>(channels, config.lstm_layers);
  for (const int ratio : config.ratios) {
    model_->Append<EluLayer>();
    model_->Append<CroppedTransposedConv>(
        CroppedTransposedConvOptions{.in_channels = channels,
                                     .out_channels = channels / 2,
                                     .kernel_size = int64_t{2} * ratio,
                                     .stride = ratio,
                                     .causal = config.causal,
                                     .trim_right_ratio = config.trim_right_ratio});
    channels /= 2;
    int64_t dilation = 1;
    for (int j = 0; j < config.num_residual_layers; ++j, dilation *= config.dilation_base) {
      model_->Append<ResidualBlock>(config, channels, dilation);
    }
  }
  conv.in_channels = channels;
  conv.out_channels = 1;
  conv.kernel_size = config.last_kernel_size;
  model_->Append<EluLayer>();
  model_->Append<PaddedConv>(conv);
}

torch::Tensor SeanetDecoderImpl::forward(const torch::Tensor& latent) {
  return model_->forward(latent);
}

}  // namespace magnet
