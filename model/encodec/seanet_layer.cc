#include "model/encodec/seanet_layer.h"

namespace magnet {
namespace {

class EluStream : public LayerStream {
 public:
  torch::Tensor Push(torch::Tensor x, bool /*last*/) override { return torch::elu_(x); }
  int64_t InputsNeeded(int64_t num_outputs) const override { return num_outputs; }
};

class StackStream : public LayerStream {
 public:
  explicit StackStream(std::vector<std::unique_ptr<LayerStream>> streams)
      : streams_(std::move(streams)) {}

  torch::Tensor Push(torch::Tensor x, bool last) override {
    for (const auto& stream : streams_) x = stream->Push(std::move(x), last);
    return x;
  }

  int64_t InputsNeeded(int64_t num_outputs) const override {
    for (auto it = streams_.rbegin(); it != streams_.rend(); ++it) {
      num_outputs = (*it)->InputsNeeded(num_outputs);
    }
    return num_outputs;
  }

 private:
  std::vector<std::unique_ptr<LayerStream>> streams_;
};

}  // namespace

torch::Tensor EluLayer::forward(torch::Tensor x) { return torch::elu_(x); }

std::unique_ptr<LayerStream> EluLayer::NewStream() const { return std::make_unique<EluStream>(); }

torch::Tensor SeanetStack::forward(torch::Tensor x) {
  for (const auto& layer : layers_) x = layer->forward(std::move(x));
  return x;
}

torch::Tensor JoinInTime(const torch::Tensor& a, const torch::Tensor& b) {
  const bool by_rows = b.size(1) > 1 && b.stride(1) == 1;
  if (!by_rows) return torch::cat({a, b}, /*dim=*/2);
  return torch::cat({a.transpose(1, 2), b.transpose(1, 2)}, /*dim=*/1).transpose(1, 2);
}

void SeanetStack::ComputeIn(torch::Dtype dtype) {
  const torch::NoGradGuard no_grad;
  for (const auto& layer : layers_)
    layer->ComputeIn(layer == layers_.back() ? torch::kFloat : dtype);
}

std::unique_ptr<LayerStream> SeanetStack::NewStream() const {
  std::vector<std::unique_ptr<LayerStream>> streams;
  streams.reserve(layers_.size());
  for (const auto& layer : layers_) streams.push_back(layer->NewStream());
  return std::make_unique<StackStream>(std::move(streams));
}

}  // namespace magnet
