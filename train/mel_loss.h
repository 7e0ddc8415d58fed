// How far two sounds are apart by their mel spectra at several resolutions.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_MEL_LOSS_H_
#define MAGNET_TRAIN_MEL_LOSS_H_

#include <vector>

#include "model/torch.h"

namespace magnet {

class MelLoss {
 public:
  // `windows`: lengths of the Hann windows in samples; each hops by a quarter.
  MelLoss(int sample_rate_hz, const std::vector<int>& windows, int num_bands, torch::Device device);

  // wave, target [B, N] -> mean over windows, bands and frames of the absolute
  // difference of log10(max(mel, 1e-5)), where mel are bands of the magnitude
  // spectrum. Differentiable in `wave`. N > half the longest window.
  torch::Tensor operator()(const torch::Tensor& wave, const torch::Tensor& target) const;

 private:
  struct Resolution {
    int window_length = 0;
    torch::Tensor window;  // [window_length]
    torch::Tensor bands;   // [num_bands, window_length / 2 + 1]
  };

  torch::Tensor LogMel(const torch::Tensor& wave, const Resolution& resolution) const;

  std::vector<Resolution> resolutions_;
};

// Triangular bands equally spaced on Slaney's mel scale from 0 to half the rate,
// each of unit area: [num_bands, window_length / 2 + 1].
torch::Tensor MelBands(int sample_rate_hz, int window_length, int num_bands);

// Scale-invariant ratio of signal to distortion in dB of each item: wave, target
// [B, N] -> [B]. Means are not removed.
torch::Tensor SiSdr(const torch::Tensor& wave, const torch::Tensor& target);

}  // namespace magnet

#endif  // MAGNET_TRAIN_MEL_LOSS_H_
