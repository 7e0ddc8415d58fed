#include "model/encodec/residual_lstm.h"

#include <optional>
#include <tuple>

namespace magnet {
namespace {

using LstmState = std::tuple<torch::Tensor, torch::Tensor>;  // h, c: [layers, B, C] each

class ResidualLstmStream : public LayerStream {
 public:
  explicit ResidualLstmStream(torch::nn::LSTM lstm) : lstm_(std::move(lstm)) {}

  torch::Tensor Push(torch::Tensor x, bool /*last*/) override {
    if (x.size(2) == 0) return x;
    const torch::Tensor steps = x.permute({2, 0, 1});  // [n, 1, C]
    auto [y, state] = lstm_->forward(steps, state_);
    state_ = std::move(state);
    return y.add_(steps).permute({1, 2, 0});
  }

  int64_t InputsNeeded(int64_t num_outputs) const override { return num_outputs; }

 private:
  torch::nn::LSTM lstm_;
  std::optional<LstmState> state_;  // none: zeros
};

}  // namespace

ResidualLstm::ResidualLstm(int64_t channels, int64_t num_layers)
    : lstm_(register_module(
          "lstm",
          torch::nn::LSTM(torch::nn::LSTMOptions(channels, channels).num_layers(num_layers)))) {}

torch::Tensor ResidualLstm::forward(torch::Tensor x) {
  const torch::Tensor steps = x.permute({2, 0, 1});  // [n, B, C]
  const torch::Tensor y = std::get<0>(lstm_->forward(steps));
  return (y + steps).permute({1, 2, 0});
}

std::unique_ptr<LayerStream> ResidualLstm::NewStream() const {
  return std::make_unique<ResidualLstmStream>(lstm_);
}

}  // namespace magnet
