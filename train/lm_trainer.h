// Trains the masked transformer, and the text encoder along with it.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_LM_TRAINER_H_
#define MAGNET_TRAIN_LM_TRAINER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "train/code_shards.h"
#include "train/lm_batch.h"
#include "train/lm_parts.h"
#include "train/optimizer.h"
#include "train/process_group.h"
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
  struct LossSums {
    double loss = 0;                   // over all frames that count
    std::vector<double> stage_loss;    // of each stage
    std::vector<double> stage_frames;  // frames that count in each stage
  };

  absl::StatusOr<std::vector<LmBatch>> DrawBatches(int64_t step);
  absl::StatusOr<LossSums> AccumulateGradients(const std::vector<LmBatch>& batches);
  torch::Tensor Logits(const LmBatch& batch);
  torch::Tensor TextStates(const LmBatch& batch);
  absl::Status NotFinite(int64_t step, const char* what, double value,
                         const std::vector<LmBatch>& batches) const;
  absl::StatusOr<double> ValidationLoss(int stage);
  TensorMap Trained() const;

  const LmTrainingConfig& config_;
  LmParts parts_;
  const CodeSet* validation_;
  const TrainingDevice device_;
  ProcessGroup& processes_;
  std::unique_ptr<LmBatchMaker> training_batches_;
  std::unique_ptr<LmBatchMaker> validation_batches_;
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_LM_TRAINER_H_
