// What SEANet's encoder and decoder are lists of: layers that can be applied to
// a whole signal, or fed the same signal piece by piece.
#ifndef MAGNET_MODEL_ENCODEC_SEANET_LAYER_H_
#define MAGNET_MODEL_ENCODEC_SEANET_LAYER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/torch.h"

namespace magnet {

// One layer's share of a stream: what it must remember of the signal so far.
//
// The concatenation of what Push returns equals the layer applied to the
// concatenation of what Push was given, within rounding. Needs no gradient:
// call it under torch::InferenceMode. One thread at a time.
class LayerStream {
 public:
  virtual ~LayerStream() = default;

  // Takes the next piece, x [1, C, n] with n >= 0 (it may be overwritten), and
  // returns the outputs that no later input can change, [1, C', m] with m >= 0.
  // `last`: the signal ends here, and all outputs left are returned. Nothing
  // may be pushed after that. A whole signal must have at least one position.
  virtual torch::Tensor Push(torch::Tensor x, bool last) = 0;

  // How many leading inputs must have been pushed, while the signal goes on,
  // for the first `num_outputs` (>= 1) outputs to have been returned.
  virtual int64_t InputsNeeded(int64_t num_outputs) const = 0;
};

// A layer with its weights. Outlives the streams made from it.
class SeanetLayer : public torch::nn::Module {
 public:
  // x [B, C, n], n >= 1 -> [B, C', n']. May overwrite x: the layers before it
  // must not need their output for their gradient (no layer of SEANet does).
  virtual torch::Tensor forward(torch::Tensor x) = 0;

  // A stream from the signal's beginning.
  virtual std::unique_ptr<LayerStream> NewStream() const = 0;
};

// ELU with alpha 1. Has no weights, but takes an index in the list.
class EluLayer : public SeanetLayer {
 public:
  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;
};

// Layers one after the other, named "0", "1", ... as the checkpoints count
// them.
class SeanetStack : public SeanetLayer {
 public:
  template <typename Layer, typename... Args>
  void Append(Args&&... args) {
    auto layer = std::make_shared<Layer>(std::forward<Args>(args)...);
    layers_.push_back(register_module(std::to_string(layers_.size()), std::move(layer)));
  }

  torch::Tensor forward(torch::Tensor x) override;
  std::unique_ptr<LayerStream> NewStream() const override;

 private:
  std::vector<std::shared_ptr<SeanetLayer>> layers_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_SEANET_LAYER_H_
