// What sounds in a frame, whatever its phase: the levels of semitone bands, in
// the few directions in which they vary most.
// Internal to targets that use LibTorch. B items of N samples, T frames.
#ifndef MAGNET_TRAIN_SPECTRAL_TARGET_H_
#define MAGNET_TRAIN_SPECTRAL_TARGET_H_

#include <cstdint>
#include <vector>

#include "model/checkpoint/tensor_map.h"
#include "model/torch.h"

namespace magnet {

class SpectralTarget {
 public:
  // Frames are `hop_length` samples; num_dims at most NumBands(). Waves are to be on `device`.
  SpectralTarget(int sample_rate_hz, int hop_length, int num_dims, torch::Device device);

  // Notes up to 0.45 of the sample rate; may be 0.
  static int NumBands(int sample_rate_hz);

  // Chooses the directions: the first principal components of the levels in
  // `waves`, each [B, N], scaled so that coordinates have variance 1 in the mean.
  // Returns the share of the levels' variance that they keep.
  double Fit(const std::vector<torch::Tensor>& waves);
  bool fitted() const { return mean_.defined(); }

  // waves [B, N], N a multiple of hop_length -> coordinates [B, num_dims, T]. A
  // frame is heard through a window of an eighth of a second about its middle.
  torch::Tensor operator()(const torch::Tensor& waves) const;

  // Of the fit, for a checkpoint: `mean` [bands], `directions` [bands, num_dims].
  TensorMap State() const;
  // Takes what State() gave; the tensors must be there and of these shapes.
  void Restore(const TensorMap& state);

 private:
  torch::Tensor Levels(const torch::Tensor& waves) const;  // [B, T, bands]

  int64_t hop_length_;
  int64_t num_dims_;
  torch::Tensor window_;      // [window length]
  torch::Tensor bands_;       // [bands, window length / 2 + 1], peaks of 1
  torch::Tensor mean_;        // [bands]
  torch::Tensor directions_;  // [bands, num_dims]
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_SPECTRAL_TARGET_H_
