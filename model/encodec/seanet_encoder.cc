#include "model/encodec/seanet_encoder.h"

#include "model/encodec/padded_conv.h"
#include "model/encodec/residual_block.h"
#include "model/encodec/residual_lstm.h"

namespace magnet {

SeanetEncoderImpl::SeanetEncoderImpl(const CodecConfig& config)
    : model_(register_module("model", std::make_shared<SeanetStack>())) {
  int64_t channels = config.num_filters;
  PaddedConvOptions conv{.in_channels = 1,
                         .out_channels = channels,
                         .kernel_size = config.kernel_size,
                         .causal = config.causal,
                         .pad_mode = config.pad_mode};
  model_->Append<PaddedConv>(conv);
  for (auto ratio = config.ratios.rbegin(); ratio != config.ratios.rend(); ++ratio) {
    int64_t dilation = 1;
    for (int j = 0; j < config.num_residual_layers; ++j, dilation *= config.dilation_base) {
      model_->Append<ResidualBlock>(config, channels, dilation);
    }
    conv.in_channels = channels;
    conv.out_channels = 2 * channels;
    conv.kernel_size = int64_t{2} * *ratio;
    conv.stride = *ratio;
    model_->Append<EluLayer>();
    model_->Append<PaddedConv>(conv);
    channels *= 2;
  }
  if (config.lstm_layers > 0) model_->Append<ResidualLstm>(channels, config.lstm_layers);
  conv.in_channels = channels;
  conv.out_channels = config.dimension;
  conv.kernel_size = config.last_kernel_size;
  conv.stride = 1;
  model_->Append<EluLayer>();
  model_->Append<PaddedConv>(conv);
}

torch::Tensor SeanetEncoderImpl::forward(const torch::Tensor& wave) {
  return model_->forward(wave);
}

}  // namespace magnet
