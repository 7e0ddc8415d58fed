#include "model/encodec/codec_weights.h"

#include <cmath>
#include <string>

#include "model/layers/uninitialized_weights.h"

namespace magnet {

ConvWeightsImpl::ConvWeightsImpl(at::IntArrayRef sizes, int64_t out_channels) {
  const double bound = 1 / std::sqrt(static_cast<double>(sizes[1] * sizes[2]));
  weight = register_parameter("weight", NewUniformWeight(sizes, bound));
  bias = register_parameter("bias", NewUniformWeight({out_channels}, bound));
}

void ConvWeightsImpl::LayOutForRows(torch::Dtype dtype, at::IntArrayRef order) {
  weight.set_data(weight.permute(order).to(dtype).contiguous().permute(order));
  bias.set_data(bias.to(dtype));
  by_rows_ = true;
}

torch::Tensor ConvWeightsImpl::Input(const torch::Tensor& x) const {
  return by_rows_ ? x.to(weight.scalar_type()) : x;
}

LstmWeightsImpl::LstmWeightsImpl(int64_t channels, int64_t num_layers) : num_layers_(num_layers) {
  const double bound = 1 / std::sqrt(static_cast<double>(channels));
  const auto add = [&](const std::string& name, at::IntArrayRef sizes) {
    flat_.push_back(register_parameter(name, NewUniformWeight(sizes, bound)));
  };
  for (int64_t i = 0; i < num_layers; ++i) {
    const std::string layer = "_l" + std::to_string(i);
    add("weight_ih" + layer, {4 * channels, channels});
    add("weight_hh" + layer, {4 * channels, channels});
    add("bias_ih" + layer, {4 * channels});
    add("bias_hh" + layer, {4 * channels});
  }
}

std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> LstmWeightsImpl::forward(
    const torch::Tensor& x, const std::vector<torch::Tensor>& state) const {
  return torch::lstm(x, state, flat_, /*has_biases=*/true, num_layers_, /*dropout=*/0.0,
                     is_training(), /*bidirectional=*/false, /*batch_first=*/false);
}

std::vector<torch::Tensor> LstmWeightsImpl::InitialState(const torch::Tensor& x) const {
  const torch::Tensor zeros = torch::zeros({num_layers_, x.size(1), x.size(2)}, x.options());
  return {zeros, zeros};
}

}  // namespace magnet
