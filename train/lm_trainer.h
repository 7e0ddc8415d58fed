// Trains the masked transformer, and the text encoder along with it.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_LM_TRAINER_H_
#define MAGNET_TRAIN_LM_TRAINER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/layers/linear.h"
#include "train/code_shards.h"
#include "train/lm_batch.h"
#include "train/lm_parts.h"
#include "train/loss_sums.h"
#include "train/optimizer.h"
#include "train/process_group.h"
#include "train/text_heads.h"
#include "train/training_config.h"
#include "train/training_device.h"
#include "train/training_loop.h"

namespace magnet {

// One update:
//   for every pass of every process: clips, crops, captions, a stage, masks
//     -> loss = cross-entropy of the stage's codebook, summed over the frames
//        that count, over their number in all passes of all processes
//   gradients summed over processes -> clipped -> AdamW -> averaged weights.
// So a step's gradient depends on its items, not on how they are spread.
//
// With annotation_weight, batches of the first stage have a second loss: the middle of the
// model also tells beat, chord and key of every frame (annotations.h), and what the clip is
// labelled with (clip_labels.h), averaged over all labels. What a caption asks of rhythm,
// harmony and instruments is a small part of the codes' entropy, and hardly moves weights that
// do not look for it yet.
//
// With lm.beats, frames are told their ticks, and the beat head learns tempo and metre from
// the captions; its loss counts half beside the codes'.
//
// With train_neighbours, the loss of a masked frame is given the code of the frame before it
// where decoding draws the one after the other (span_neighbours.h), through tables that learn.
//
// The first text_first.steps updates are of another kind:
//   captions -> text states -> cross-entropy of TextHeads, with labels where there is an
//   annotation_weight; with lm.beats, likewise from the beat head; each with the weight 1.
// With text_first.weight_after, later updates have that loss beside the codes', from captions
// of their own.
class LmTrainer : public TrainingTask {
 public:
  // `validation` may be null. All but `parts` must outlive the trainer.
  LmTrainer(const LmTrainingConfig& config, LmParts parts, const CodeSet& training,
            const CodeSet* validation, const TrainingDevice& device, ProcessGroup& processes);

  absl::StatusOr<StepReport> Step(int64_t step) override;
  absl::StatusOr<Metrics> Validate() override;
  TensorMap State() const override;
  absl::Status Restore(const TensorMap& state) override;
  std::string Fingerprint() const override;

  const ModelConfig& model_config() const { return parts_.config; }

  // Writes a bundle with the averaged weights. `state`: those of a checkpoint;
  // empty: the present ones.
  absl::Status Export(const TensorMap& state, const std::string& readme,
                      const std::string& folder) const;

  // Gradients of a step, without an update; for tests of data-parallel training.
  absl::StatusOr<std::vector<torch::Tensor>> GradientsOf(int64_t step);

 private:
  // What a step's passes have added up to, over all processes; the gradients lie
  // in the parameters.
  struct PassSums {
    double loss = 0;    // mean over what counts
    int64_t items = 0;  // trained on
    Metrics metrics;    // of this kind of step
    std::string clips;  // of this process, to name a batch
  };

  // Where each pass of this process lies in `step`.
  std::vector<BatchPlace> Places(int64_t step, int batch_size) const;
  int64_t ItemsPerStep(int batch_size) const;
  absl::StatusOr<std::vector<LmBatch>> DrawBatches(int64_t step);
  torch::Tensor TextStates(const torch::Tensor& token_ids, const torch::Tensor& token_mask);
  TrainingOutput Forward(const LmBatch& batch);
  // Cross-entropy of the codes that count, summed; with train_neighbours, given the frame before
  // of the same span.
  torch::Tensor CodeLoss(const LmBatch& batch, torch::Tensor logits);
  // Cross-entropy of frame_labels in the middle of the model, summed.
  torch::Tensor LabelLoss(const torch::Tensor& middle, const torch::Tensor& labels);
  torch::Tensor TextLoss(const TextBatch& batch);
  // Cross-entropy of BeatLabels against BeatLogits, summed.
  torch::Tensor BeatLoss(const torch::Tensor& logits, const torch::Tensor& labels);
  absl::StatusOr<PassSums> AccumulateGradients(int64_t step);
  // Add a loss' gradients to the parameters', the loss to `sums`, whose entries are complete, and
  // the clips' names to `clips`.
  void AddLmGradients(const LmBatch& batch, LossSums& sums, std::string& clips);
  absl::Status AddTextGradients(int64_t step, int batch_size, double weight, LossSums& sums,
                                std::string& clips);
  double RateAt(int64_t step) const;
  absl::StatusOr<double> ValidationLoss(int stage);
  TensorMap Trained() const;
  // The language model's among `weights` of a checkpoint, neighbour tables included.
  TensorMap LmWeights(const TensorMap& weights) const;
  // Heads that only training has, with the prefixes of their names in a checkpoint.
  std::vector<std::pair<std::string, Dense>> Heads() const;

  const LmTrainingConfig& config_;
  LmParts parts_;
  const CodeSet* validation_;
  const TrainingDevice device_;
  ProcessGroup& processes_;
  std::unique_ptr<LmBatchMaker> training_batches_;
  std::unique_ptr<LmBatchMaker> validation_batches_;
  std::optional<TextHeads> text_heads_;  // none where only the language model learns
  Dense frame_label_head_{nullptr};      // D -> classes, null without annotation_weight
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_LM_TRAINER_H_
