// A critic that looks at a sound's complex spectra at several resolutions, for
// the adversarial part of a codec's training (arXiv 2210.13438, section 3.4).
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_STFT_DISCRIMINATOR_H_
#define MAGNET_TRAIN_STFT_DISCRIMINATOR_H_

#include <vector>

#include "model/torch.h"

namespace magnet {

struct DiscriminatorOutput {
  std::vector<torch::Tensor> logits;    // one a resolution, [B, 1, frames, bins]
  std::vector<torch::Tensor> features;  // of every inner layer of every resolution
};

class StftDiscriminatorImpl : public torch::nn::Module {
 public:
  // `windows`: samples; each hops by a quarter. `num_filters`: width of the layers.
  explicit StftDiscriminatorImpl(const std::vector<int>& windows = {2048, 1024, 512},
                                 int num_filters = 32);

  // wave [B, N].
  DiscriminatorOutput forward(const torch::Tensor& wave);

 private:
  torch::Tensor Spectrum(const torch::Tensor& wave, int window) const;

  std::vector<int> windows_;
  torch::nn::ModuleList critics_;  // per resolution: a list of 2-d convolutions
};
TORCH_MODULE(StftDiscriminator);

// Hinge loss of the discriminator itself.
torch::Tensor DiscriminatorLoss(const DiscriminatorOutput& real, const DiscriminatorOutput& fake);

// What the codec is trained with: hinge loss of fooling it, plus the relative L1
// distance of its inner features.
torch::Tensor AdversarialLoss(const DiscriminatorOutput& real, const DiscriminatorOutput& fake);

}  // namespace magnet

#endif  // MAGNET_TRAIN_STFT_DISCRIMINATOR_H_
