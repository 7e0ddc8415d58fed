// LSTM over time, added to its input.
#ifndef MAGNET_MODEL_ENCODEC_RESIDUAL_LSTM_H_
#define MAGNET_MODEL_ENCODEC_RESIDUAL_LSTM_H_

#include <memory>

#include "model/encodec/codec_weights.h"
#include "model/encodec/seanet_layer.h"
#include "model/torch.h"

namespace magnet {

// Weights `lstm.weight_ih_l{i}` [4C, C], `lstm.weight_hh_l{i}` [4C, C],
// `lstm.bias_ih_l{i}` [4C], `lstm.bias_hh_l{i}` [4C]. x [B, C, n] -> [B, C, n].
class ResidualLstm : public SeanetLayer {
 public:
  ResidualLstm(int64_t channels, int64_t num_layers);

  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;
  void ComputeIn(torch::Dtype dtype) override;

 private:
  LstmWeights lstm_{nullptr};
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_RESIDUAL_LSTM_H_
