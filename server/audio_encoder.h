// Turns samples into the bytes of a sound file, piece by piece.
//
// A reader that appends the pieces has a valid file at every format, without
// anyone seeking back: the headers that state a length get it up front.
#ifndef MAGNET_SERVER_AUDIO_ENCODER_H_
#define MAGNET_SERVER_AUDIO_ENCODER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace magnet {

enum class AudioFormat { kPcmS16, kPcmF32, kWavS16, kWavF32, kFlac, kOggOpus };

// What the samples are that an encoder is given: mono.
struct AudioShape {
  int sample_rate_hz = 0;
  int64_t num_samples = 0;  // of the whole clip
};

// The rate at which a format delivers audio made at `sample_rate_hz`: the same,
// but for Opus, which is 48 kHz.
int DeliveredRate(AudioFormat format, int sample_rate_hz);

// The samples that are delivered for `shape`, at DeliveredRate.
int64_t DeliveredSamples(AudioFormat format, const AudioShape& shape);

// E.g. "audio/wav".
std::string MediaType(AudioFormat format, int sample_rate_hz);

// One clip's encoder. Not thread-safe. 16-bit formats clip at full scale.
class AudioEncoder {
 public:
  virtual ~AudioEncoder() = default;

  // The bytes that became final with these samples; may be none.
  virtual absl::StatusOr<std::string> Encode(absl::Span<const float> samples) = 0;

  // The remaining bytes. Requires that AudioShape::num_samples samples were
  // given; nothing may be called afterwards.
  virtual absl::StatusOr<std::string> Finish() = 0;
};

// Errors: INTERNAL when the encoder cannot be set up for this rate.
absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeAudioEncoder(AudioFormat format,
                                                               const AudioShape& shape);

}  // namespace magnet

#endif  // MAGNET_SERVER_AUDIO_ENCODER_H_
