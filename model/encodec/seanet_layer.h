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

  // For decoding on a CPU, once the weights are final: they are laid out for matrix
  // products over the signal's positions, and compute in `dtype`, float32 or bfloat16;
  // what is pushed is converted. One item at a time goes this way; a batch is convolved
  // as before. Not for layers with a stride, not under torch::InferenceMode, and not to be
  // trained afterwards.
  virtual void ComputeIn(torch::Dtype /*dtype*/) {}
};

// One item [1, C, n] as rows [n, C], a row for each position, and back: views. Rows that
// lie one after the other go through the matrix products and all that is done
// elementwise without a copy.
inline torch::Tensor Rows(const torch::Tensor& x) { return x.squeeze(0).t(); }
inline torch::Tensor FromRows(const torch::Tensor& rows) { return rows.t().unsqueeze(0); }

// [B, C, n] and [B, C, m] -> [B, C, n + m], with b's order in memory.
torch::Tensor JoinInTime(const torch::Tensor& a, const torch::Tensor& b);

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

  // The last layer stays in float32: what it rounded would be heard as it is.
  void ComputeIn(torch::Dtype dtype) override;

 private:
  std::vector<std::shared_ptr<SeanetLayer>> layers_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_SEANET_LAYER_H_
