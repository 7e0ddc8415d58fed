// Where a codec's training begins: with weights that are drawn.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_CODEC_START_H_
#define MAGNET_TRAIN_CODEC_START_H_

#include <cstdint>

#include "model/encodec/encodec_model.h"

namespace magnet {

// Draws weights for training from nothing, so that a signal keeps its level on
// the way through every layer: with the library's own it all but vanishes, and
// the waveform is never learnt. LSTMs are left as they are.
void DrawCodecWeights(EncodecModel& codec, uint64_t seed);

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODEC_START_H_
