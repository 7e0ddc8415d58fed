// Decoding steps of several clips as one pass: their rows merged, over a device's
// table of kernels (step_kernels.h).
//
// What each clip gets does not depend on its company, nor on the order of the
// requests. Against MagnetTransformer::Pass, rows that cannot reach a wanted logit
// are computed where leaving them out would only make steps of many shapes; left
// out are the heads of frames that are not wanted and the null branches'
// cross-attention.
#ifndef MAGNET_MODEL_MAGNET_PACKED_TRANSFORMER_H_
#define MAGNET_MODEL_MAGNET_PACKED_TRANSFORMER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/magnet/sampler.h"
#include "model/magnet/step_kernels.h"
#include "model/magnet/step_plan.h"
#include "model/magnet/transformer.h"
#include "model/torch.h"

namespace magnet {

// Brings a prepared condition into the form that packed steps read: `packed` takes
// the place of the layers, which are dropped, and `score_bias` [S], float32 or
// undefined, that of the rounded one.
void PackCondition(ConditionKv& condition, const torch::Tensor& score_bias);

// The packed condition as the tables name it; null: the null condition. Valid as
// long as `condition`.
TextSpan TextSpanOf(const ConditionKv* condition);

// Used by the model thread. Throws c10::Error where memory runs out (then nothing
// has changed) and what the kernels throw.
class PackedTransformer {
 public:
  // Reads the weights of `transformer`, which must lie on the kernels' device in
  // the kernels' type, and stay as they are.
  PackedTransformer(MagnetTransformer transformer, std::unique_ptr<StepKernels> kernels);
  ~PackedTransformer();
  PackedTransformer(const PackedTransformer&) = delete;
  PackedTransformer& operator=(const PackedTransformer&) = delete;

  // One step of every request: the tokens of its frames, in order. A token of -1:
  // its logits are not finite.
  std::vector<std::vector<SampledToken>> Step(std::span<const StepRequest> requests);

  int64_t full_step_rows() const { return kernels_->full_step_rows(); }

 private:
  struct Weight {
    const Element* weight = nullptr;
    const Element* bias = nullptr;  // or null
  };
  struct LayerWeights {
    Weight norm1, norm_cross, norm2;  // [D] each
    Weight qkv;                       // [3D, D]
    Weight out;                       // [D, D]
    Weight cross_q, cross_out;        // [D, D] each
    Weight linear1, linear2;          // [ffn_dim, D], [D, ffn_dim]
    torch::Tensor null_output;        // [D] float32: cross-attention of the null condition;
                                      // undefined: zero
  };

  void LoadWeights();
  void EnsureRoom(const StepPlan& plan, size_t table_bytes);
  torch::Tensor Buffer(torch::Tensor& buffer, int64_t count, torch::Dtype dtype);
  void RunLayers(const StepShape& shape, const StepTables& tables);
  void RunLayer(int index, const StepShape& shape, const StepTables& tables);
  void CrossAttend(int index, const StepShape& shape, const StepTables& tables);
  void AddNorm(const torch::Tensor& y, const Weight& norm, int first_row, int num_rows,
               const float* constant = nullptr);
  void Linear(const Element* input, const Weight& weight, Element* output, int num_rows, int in,
              int out);
  void RunHeads(const StepPlan& plan, const StepTables& tables);

  MagnetTransformer transformer_;
  const std::unique_ptr<StepKernels> kernels_;
  const LmConfig config_;
  const torch::Device device_;
  const torch::Dtype dtype_;
  torch::Tensor embeddings_;              // [inputs, ids of the largest, D]
  torch::Tensor positions_;               // [window_frames, D] float32
  torch::Tensor neighbours_;              // [neighbour_tables, card, card] float32, or undefined
  std::vector<LayerWeights> layers_;      // num_layers
  Weight out_norm_;                       // [D]
  std::vector<const Element*> heads_;     // K of [card, D]
  std::vector<torch::Tensor> head_bias_;  // K of [card] float32, or undefined

  // Work space for R rows and V wanted rows, grown as needed.
  torch::Tensor tables_;    // bytes
  torch::Tensor x_;         // [R, D] float32: the residual stream
  torch::Tensor normed_;    // [R, D]
  torch::Tensor wide_;      // [R, max(3D, ffn_dim)]
  torch::Tensor attended_;  // [R, D]
  torch::Tensor sublayer_;  // [R, D]: what is added to the stream next
  torch::Tensor wanted_;    // [V, D]
  torch::Tensor logits_;    // [V, card] float32
  torch::Tensor tokens_;    // bytes: SampledToken [draws]
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_PACKED_TRANSFORMER_H_
