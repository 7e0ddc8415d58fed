// The weights of the codec's layers, under the names of torch's own modules but
// without first values where a checkpoint brings them.
#ifndef MAGNET_MODEL_ENCODEC_CODEC_WEIGHTS_H_
#define MAGNET_MODEL_ENCODEC_CODEC_WEIGHTS_H_

#include <cstdint>
#include <tuple>
#include <vector>

#include "model/torch.h"

namespace magnet {

// Of a convolution over time: `weight`, `bias`, drawn uniformly from
// +-1/sqrt(fan_in), as torch does.
class ConvWeightsImpl : public torch::nn::Module {
 public:
  // `sizes`: [out, in, kernel], transposed convolutions [in, out, kernel];
  // fan_in is the product of the last two.
  ConvWeightsImpl(at::IntArrayRef sizes, int64_t out_channels);

  // For products over rows: the weight in `dtype`, in memory in the order of its dimensions
  // `order`, which is its own inverse; its shape stays.
  void LayOutForRows(torch::Dtype dtype, at::IntArrayRef order);
  bool by_rows() const { return by_rows_; }

  // x in the weights' type, where they are for rows; else as it is: autocast sees to it.
  torch::Tensor Input(const torch::Tensor& x) const;

  torch::Tensor weight;  // as `sizes`
  torch::Tensor bias;    // [out]

 private:
  bool by_rows_ = false;
};
TORCH_MODULE(ConvWeights);

// Of a stack of LSTMs of C channels: `weight_ih_l0`, `weight_hh_l0`,
// `bias_ih_l0`, `bias_hh_l0`, `weight_ih_l1`, ..., drawn from +-1/sqrt(C).
class LstmWeightsImpl : public torch::nn::Module {
 public:
  LstmWeightsImpl(int64_t channels, int64_t num_layers);

  // x [n, B, C] and the state {h, c}, [layers, B, C] each -> y [n, B, C], h, c.
  std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> forward(
      const torch::Tensor& x, const std::vector<torch::Tensor>& state) const;

  // A state of zeros for x.
  std::vector<torch::Tensor> InitialState(const torch::Tensor& x) const;

 private:
  const int64_t num_layers_;
  std::vector<torch::Tensor> flat_;  // per layer [4C, C], [4C, C], [4C], [4C]
};
TORCH_MODULE(LstmWeights);

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_CODEC_WEIGHTS_H_
