// Compressed audio by libsndfile, written into memory and taken away as it comes.
#ifndef MAGNET_SERVER_SOUND_FILE_ENCODER_H_
#define MAGNET_SERVER_SOUND_FILE_ENCODER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/audio_encoder.h"

namespace magnet {

// FLAC, 16 bits. Its first block states the number of samples; the checksum of
// the whole, which is known only at the end, is left out as the format allows.
absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeFlacEncoder(const AudioShape& shape);

// Opus in Ogg. Audio at another rate is resampled to 48 kHz.
absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeOpusEncoder(const AudioShape& shape);

}  // namespace magnet

#endif  // MAGNET_SERVER_SOUND_FILE_ENCODER_H_
