#include "server/audio_encoder.h"

#include "absl/strings/str_cat.h"
#include "server/pcm_encoder.h"
#include "server/sound_file_encoder.h"

namespace magnet {
namespace {

constexpr int kOpusRate = 48000;

}  // namespace

int DeliveredRate(AudioFormat format, int sample_rate_hz) {
  return format == AudioFormat::kOggOpus ? kOpusRate : sample_rate_hz;
}

int64_t DeliveredSamples(AudioFormat format, const AudioShape& shape) {
  const int64_t rate = DeliveredRate(format, shape.sample_rate_hz);
  return (shape.num_samples * rate + shape.sample_rate_hz - 1) / shape.sample_rate_hz;
}

std::string MediaType(AudioFormat format, int sample_rate_hz) {
  switch (format) {
    case AudioFormat::kPcmS16:
      return absl::StrCat("audio/x-raw;format=S16LE;channels=1;rate=", sample_rate_hz);
    case AudioFormat::kPcmF32:
      return absl::StrCat("audio/x-raw;format=F32LE;channels=1;rate=", sample_rate_hz);
    case AudioFormat::kWavS16:
    case AudioFormat::kWavF32:
      return "audio/wav";
    case AudioFormat::kFlac:
      return "audio/flac";
    case AudioFormat::kOggOpus:
      return "audio/ogg;codecs=opus";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeAudioEncoder(AudioFormat format,
                                                               const AudioShape& shape) {
  switch (format) {
    case AudioFormat::kPcmS16:
      return MakePcmEncoder(SampleType::kS16, Container::kNone, shape);
    case AudioFormat::kPcmF32:
      return MakePcmEncoder(SampleType::kF32, Container::kNone, shape);
    case AudioFormat::kWavS16:
      return MakePcmEncoder(SampleType::kS16, Container::kWav, shape);
    case AudioFormat::kWavF32:
      return MakePcmEncoder(SampleType::kF32, Container::kWav, shape);
    case AudioFormat::kFlac:
      return MakeFlacEncoder(shape);
    case AudioFormat::kOggOpus:
      return MakeOpusEncoder(shape);
  }
  return absl::InternalError("unknown audio format");
}

}  // namespace magnet
