// Reads the sound file that a request brings.
#ifndef MAGNET_SERVER_GIVEN_AUDIO_DECODER_H_
#define MAGNET_SERVER_GIVEN_AUDIO_DECODER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace magnet {

struct DecodedAudio {
  std::vector<float> samples;  // the mean of all channels
  int sample_rate_hz = 0;
};

// Decodes a whole file of any format that libsndfile knows. INVALID_ARGUMENT when
// it cannot be read, is empty or lasts longer than `max_seconds`; the message says
// what was expected and what was found. Reads no more than that in any case.
absl::StatusOr<DecodedAudio> DecodeGivenAudio(const std::string& file, double max_seconds);

}  // namespace magnet

#endif  // MAGNET_SERVER_GIVEN_AUDIO_DECODER_H_
