// Trains EnCodec: SEANet's encoder and decoder, and the codebooks between them.
//
// The phases of the configuration go from an autoencoder without codebooks to
// one with them: codebooks that are there from the start collapse. Where the
// first quantized phase begins, they are set by k-means of what the encoder
// gives. A decoder alone may go on with clips that a language model has regenerated.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_CODEC_TRAINER_H_
#define MAGNET_TRAIN_CODEC_TRAINER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/encodec/encodec_model.h"
#include "train/audio_pool.h"
#include "train/codebook_trainer.h"
#include "train/mel_loss.h"
#include "train/optimizer.h"
#include "train/process_group.h"
#include "train/regenerated_clips.h"
#include "train/spectral_target.h"
#include "train/stft_discriminator.h"
#include "train/training_config.h"
#include "train/training_device.h"
#include "train/training_loop.h"

namespace magnet {

class CodecTrainer : public TrainingTask {
 public:
  // Frames of a crop: the configuration's seconds to the nearest.
  static int64_t CropFrames(const CodecTrainingConfig& config);

  // `codec` has its first weights; where start_from is set, its codebooks are
  // kept as well, but for a spectral one that is still all zeros. `validation` may be null, and
  // `regenerated` where the configuration has none. All but `codec` must outlive the trainer.
  // Accumulation is not used: a step is one pass.
  CodecTrainer(const CodecTrainingConfig& config, EncodecModel codec, const AudioPool& training,
               const AudioPool* validation, const RegeneratedClips* regenerated,
               const TrainingDevice& device, ProcessGroup& processes);

  absl::StatusOr<StepReport> Step(int64_t step) override;
  // validation_mel_loss is the distance of log10 mel spectra, and is the
  // validation_loss once there are codebooks; besides SI-SDR in dB and the share
  // of each codebook's entries that the clips use. With regenerated clips
  // validation_regenerated_mel_loss is theirs, and validation_loss the mean by their share.
  absl::StatusOr<Metrics> Validate() override;
  TensorMap State() const override;
  absl::Status Restore(const TensorMap& state) override;
  std::string Fingerprint() const override;

  // The codec's tensors out of a checkpoint's; empty: the present ones.
  TensorMap CodecTensors(const TensorMap& state) const;

 private:
  struct Losses {
    torch::Tensor total;
    Metrics metrics;
    torch::Tensor wave;         // [B, N], what the decoder made
    Quantization quantization;  // of a quantized phase
    torch::Tensor spectral;     // [B, spectral dims, T], what the encoder gives of them
  };

  // The phase of a step, and where it begins.
  struct PhaseAt {
    const CodecPhase* phase = nullptr;
    int64_t begin = 0;
  };

  // Regenerated items of a batch, possibly none.
  struct Regenerated {
    torch::Tensor latent;  // [B', D, T]
    torch::Tensor waves;   // [B', N]
    int64_t count() const { return waves.defined() ? waves.size(0) : 0; }
  };

  PhaseAt PhaseOf(int64_t step) const;
  int num_regenerated() const;  // items of each batch
  // Of the item `index` of this process's batch.
  DrawStream ItemDraws(DrawPurpose purpose, int64_t step, int index) const;
  torch::Tensor DrawWaves(int64_t step, DrawPurpose purpose, int count) const;
  Regenerated DrawRegenerated(int64_t step);
  double ValidateRegenerated();
  std::vector<torch::Tensor> DrawForCentroids() const;  // waves of at least kmeans_frames
  absl::Status FitSpectralTarget();
  absl::Status InitializeCodebooks(int64_t step);
  // What the decoder sees of waves [B, N]: [B, D, T]. Sets `quantization`, where
  // quantized, and `spectral`.
  torch::Tensor Encode(const torch::Tensor& target, bool quantized, Losses& losses);
  Losses Forward(const torch::Tensor& target, const Regenerated& regenerated,
                 const CodecPhase& phase);
  absl::Status TrainDiscriminator(const torch::Tensor& target, const torch::Tensor& wave,
                                  double learning_rate, Metrics& metrics);
  absl::Status Average(const std::vector<torch::Tensor>& gradients);
  TensorMap Trained() const;

  const CodecTrainingConfig& config_;
  EncodecModel codec_;
  StftDiscriminator discriminator_{nullptr};  // null: no phase is adversarial
  const AudioPool& training_;
  const AudioPool* validation_;
  const RegeneratedClips* regenerated_;
  const TrainingDevice device_;
  ProcessGroup& processes_;
  const int64_t crop_samples_;
  MelLoss mel_loss_;
  std::optional<SpectralTarget> spectral_target_;
  std::unique_ptr<CodebookTrainer> codebooks_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Optimizer> discriminator_optimizer_;
  bool quantizing_ = false;  // the steps done so far have set the codebooks
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODEC_TRAINER_H_
