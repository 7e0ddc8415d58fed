// Audio files and their bytes to samples and back.
#ifndef MAGNET_MODEL_AUDIO_AUDIO_FILE_H_
#define MAGNET_MODEL_AUDIO_AUDIO_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace magnet {

// One channel of sound. Samples are nominally in [-1, 1].
struct AudioClip {
  std::vector<float> samples;
  int sample_rate_hz = 0;

  double seconds() const { return static_cast<double>(samples.size()) / sample_rate_hz; }
};

// What a reader accepts. What a header claims is checked against these before
// anything is allocated by it, and what is decoded as it comes.
struct AudioLimits {
  int64_t max_bytes = int64_t{1} << 30;  // of the file, before decoding
  double max_seconds = 3600;
  int max_channels = 64;
  int min_sample_rate_hz = 1000;
  int max_sample_rate_hz = 768000;
};

// Reads a file of any format and encoding that libsndfile knows (WAV, FLAC,
// Ogg Vorbis and Opus, MP3, AIFF, CAF, ...) and averages its channels into one.
//
// Memory is bounded by the bytes given and the samples kept, whatever the file
// claims of itself. Errors open with the path (or `name`):
//   NOT_FOUND, PERMISSION_DENIED  the file cannot be opened;
//   INVALID_ARGUMENT              it is no regular file or no audio, holds no
//   or
//                                 not finite samples, has too many channels or
//                                 a rate out of range;
//   RESOURCE_EXHAUSTED            more bytes or seconds than allowed.
absl::StatusOr<AudioClip> ReadAudioFile(const std::string& path, const AudioLimits& limits = {});

// The same from memory. `name` stands for the path in errors.
absl::StatusOr<AudioClip> ReadAudioBytes(std::string_view bytes, const std::string& name,
                                         const AudioLimits& limits = {});

enum class AudioEncoding {
  kWavPcm16,
  kWavFloat32,
  kFlacPcm16,
  kFlacPcm24,
  kOggVorbis,
};

// The encoding that a path's extension stands for: .wav (16 bit), .flac (16
// bit) or .ogg (Vorbis), in any case. INVALID_ARGUMENT names the path.
absl::StatusOr<AudioEncoding> EncodingOfPath(const std::string& path);

// A whole file's bytes. Integer encodings clip what lies outside [-1, 1].
// INVALID_ARGUMENT where the encoding does not allow the rate or the length,
// or where the clip is empty; the message opens with `name`.
absl::StatusOr<std::string> EncodeAudio(absl::Span<const float> samples, int sample_rate_hz,
                                        AudioEncoding encoding, const std::string& name);

// Writes a file, atomically: whoever opens `path` sees what was there before or
// all of the new file. Errors open with the path.
absl::Status WriteAudioFile(const std::string& path, absl::Span<const float> samples,
                            int sample_rate_hz, AudioEncoding encoding);

// The same with EncodingOfPath(path).
absl::Status WriteAudioFile(const std::string& path, absl::Span<const float> samples,
                            int sample_rate_hz);

}  // namespace magnet

#endif  // MAGNET_MODEL_AUDIO_AUDIO_FILE_H_
