// From the audio or codes that a request brings to the codes a clip starts from.
#ifndef MAGNET_MODEL_GIVEN_CODES_H_
#define MAGNET_MODEL_GIVEN_CODES_H_

#include "absl/status/statusor.h"
#include "model/clip_generation.h"
#include "model/encodec/encodec_model.h"
#include "model/generation_spec.h"

namespace magnet {

// Codes of audio: resampled to the codec's rate and encoded. A last frame that
// the audio covers only in part is among them.
absl::StatusOr<GivenCodes> EncodeAllFrames(const GivenAudio& audio, EncodecModel& codec);

// The codes that a clip can start from: those of whole frames.
absl::StatusOr<GivenCodes> EncodeGivenAudio(const GivenAudio& audio, EncodecModel& codec);

// A clip of `num_frames` whose kept frames are those of `given` that no range
// of `given.regenerate` touches. Frames of `given` beyond the clip are dropped.
ClipCodes PlaceGivenCodes(const GivenCodes& given, int num_frames, int num_codebooks,
                          double frame_rate_hz);

}  // namespace magnet

#endif  // MAGNET_MODEL_GIVEN_CODES_H_
