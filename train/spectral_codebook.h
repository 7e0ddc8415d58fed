// A codebook before a codec's others, for what sounds (train/spectral_target.h).
//
// It has dimensions of the latent to itself, the last ones: its centroids are
// zero elsewhere, and the other codebooks' centroids are zero there. So a
// residual quantizer that knows nothing of it chooses the same codes.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_SPECTRAL_CODEBOOK_H_
#define MAGNET_TRAIN_SPECTRAL_CODEBOOK_H_

#include <cstdint>

#include "model/encodec/encodec_model.h"

namespace magnet {

// How many dimensions the codec's first codebook has to itself, be it still all zeros; 0: it is
// no such codebook.
int SpectralDims(EncodecModel& codec);

// `codec` with one codebook more, in front, all zeros, and `num_dims` dimensions
// more, which the encoder fills by small weights drawn from `seed` and the decoder
// does not heed yet: what it makes of a sound is as before.
EncodecModel AddSpectralCodebook(EncodecModel& codec, int num_dims, uint64_t seed);

}  // namespace magnet

#endif  // MAGNET_TRAIN_SPECTRAL_CODEBOOK_H_
