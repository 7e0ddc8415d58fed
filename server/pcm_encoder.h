// Uncompressed audio: bare samples, or a RIFF WAVE file whose header is complete
// from the start because the length is known.
#ifndef MAGNET_SERVER_PCM_ENCODER_H_
#define MAGNET_SERVER_PCM_ENCODER_H_

#include <memory>

#include "server/audio_encoder.h"

namespace magnet {

enum class SampleType { kS16, kF32 };
enum class Container { kNone, kWav };

std::unique_ptr<AudioEncoder> MakePcmEncoder(SampleType type, Container container,
                                             const AudioShape& shape);

}  // namespace magnet

#endif  // MAGNET_SERVER_PCM_ENCODER_H_
