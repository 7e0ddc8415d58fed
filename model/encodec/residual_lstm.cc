#include "model/encodec/residual_lstm.h"

#include <utility>
#include <vector>

namespace magnet {
namespace {

class ResidualLstmStream : public LayerStream {
 public:
  explicit ResidualLstmStream(LstmWeights lstm) : lstm_(std::move(lstm)) {}

  torch::Tensor Push(torch::Tensor x, bool /*last*/) override {
    if (x.size(2) == 0) return x;
    const torch::Tensor steps = x.permute({2, 0, 1});  // [n, 1, C]
    if (state_.empty()) state_ = lstm_->InitialState(steps);
    auto [y, h, c] = lstm_->forward(steps, state_);
    state_ = {std::move(h), std::move(c)};
    return y.add_(steps).permute({1, 2, 0});
  }

  int64_t InputsNeeded(int64_t num_outputs) const override { return num_outputs; }

 private:
  LstmWeights lstm_;
  std::vector<torch::Tensor> state_;  // h, c: [layers, 1, C] each; empty: not begun
};

}  // namespace

ResidualLstm::ResidualLstm(int64_t channels, int64_t num_layers)
    : lstm_(register_module("lstm", LstmWeights(channels, num_layers))) {}

torch::Tensor ResidualLstm::forward(torch::Tensor x) {
  const torch::Tensor steps = x.permute({2, 0, 1});  // [n, B, C]
  const torch::Tensor y = std::get<0>(lstm_->forward(steps, lstm_->InitialState(steps)));
  return (y + steps).permute({1, 2, 0});
}

void ResidualLstm::ComputeIn(torch::Dtype dtype) { lstm_->to(dtype); }

std::unique_ptr<LayerStream> ResidualLstm::NewStream() const {
  return std::make_unique<ResidualLstmStream>(lstm_);
}

}  // namespace magnet
