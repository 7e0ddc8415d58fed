#include "model/audio/audio_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/audio/sound_memory.h"
#include "model/audio/vorbis_headers.h"
#include "model/checkpoint/atomic_file.h"
#include "model/file_descriptor.h"

namespace magnet {
namespace {

constexpr sf_count_t kFramesPerRead = 4096;

absl::Status TooManyBytes(const std::string& name, int64_t bytes, const AudioLimits& limits) {
  return absl::ResourceExhaustedError(absl::StrCat(name, ": expected at most ", limits.max_bytes,
                                                   " bytes of audio, found ", bytes));
}

absl::Status TooLong(const std::string& name, const AudioLimits& limits) {
  return absl::ResourceExhaustedError(
      absl::StrCat(name, ": expected at most ", limits.max_seconds, " s of audio, found more"));
}

absl::StatusOr<std::string> ReadBytes(const std::string& path, const AudioLimits& limits) {
  // Non-blocking: opening a pipe must not wait for its writer.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!file.is_open() || fstat(file.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a regular file"));
  }
  if (status.st_size > limits.max_bytes) return TooManyBytes(path, status.st_size, limits);
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

absl::Status CheckHeader(const SF_INFO& info, const std::string& name, const AudioLimits& limits) {
  if (info.channels < 1 || info.channels > limits.max_channels) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": channels: expected 1 to ",
                                                   limits.max_channels, ", found ", info.channels));
  }
  if (info.samplerate < limits.min_sample_rate_hz || info.samplerate > limits.max_sample_rate_hz) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": sample rate: expected ", limits.min_sample_rate_hz, " to ",
                     limits.max_sample_rate_hz, " Hz, found ", info.samplerate));
  }
  return absl::OkStatus();
}

void AppendMixed(absl::Span<const float> interleaved, int channels, std::vector<float>& mono) {
  for (size_t frame = 0; frame < interleaved.size(); frame += static_cast<size_t>(channels)) {
    double sum = 0;
    for (int channel = 0; channel < channels; ++channel) {
      sum += interleaved[frame + static_cast<size_t>(channel)];
    }
    mono.push_back(static_cast<float>(sum / channels));
  }
}

absl::Status CheckSamples(absl::Span<const float> samples, const std::string& name) {
  if (samples.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": holds no samples"));
  }
  const auto bad = std::find_if_not(samples.begin(), samples.end(),
                                    [](float sample) { return std::isfinite(sample); });
  if (bad != samples.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": sample ", bad - samples.begin(), " is not finite"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SF_INFO> InfoOf(AudioEncoding encoding, int sample_rate_hz) {
  SF_INFO info = {};
  info.channels = 1;
  info.samplerate = sample_rate_hz;
  switch (encoding) {
    case AudioEncoding::kWavPcm16:
      info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
      return info;
    case AudioEncoding::kWavFloat32:
      info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
      return info;
    case AudioEncoding::kFlacPcm16:
      info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
      return info;
    case AudioEncoding::kFlacPcm24:
      info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_24;
      return info;
    case AudioEncoding::kOggVorbis:
      info.format = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
      return info;
  }
  return absl::InternalError("unknown audio encoding");
}

}  // namespace

absl::StatusOr<AudioClip> ReadAudioFile(const std::string& path, const AudioLimits& limits) {
  const absl::StatusOr<std::string> bytes = ReadBytes(path, limits);
  if (!bytes.ok()) return bytes.status();
  return ReadAudioBytes(*bytes, path, limits);
}

absl::StatusOr<AudioClip> ReadAudioBytes(std::string_view bytes, const std::string& name,
                                         const AudioLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return TooManyBytes(name, static_cast<int64_t>(bytes.size()), limits);
  }
  if (!VorbisHeadersAreSound(bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": cannot be read as audio: the Vorbis headers are damaged"));
  }
  SoundSource source(bytes);
  SF_INFO info;
  const SoundFile file = source.Open(info);
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": cannot be read as audio: ", sf_strerror(nullptr)));
  }
  if (absl::Status status = CheckHeader(info, name, limits); !status.ok()) return status;

  // The header's length is a claim: samples are counted as they come.
  const double max_frames = limits.max_seconds * info.samplerate;
  AudioClip clip{.samples = {}, .sample_rate_hz = info.samplerate};
  std::vector<float> block(static_cast<size_t>(kFramesPerRead * info.channels));
  while (true) {
    const sf_count_t frames = sf_readf_float(file.get(), block.data(), kFramesPerRead);
    if (frames <= 0) break;
    if (static_cast<double>(clip.samples.size()) + static_cast<double>(frames) > max_frames) {
      return TooLong(name, limits);
    }
    AppendMixed(absl::MakeSpan(block).first(static_cast<size_t>(frames * info.channels)),
                info.channels, clip.samples);
  }
  if (sf_error(file.get()) != SF_ERR_NO_ERROR) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": cannot be decoded after sample ",
                                                   clip.samples.size(), ": ",
                                                   sf_strerror(file.get())));
  }
  if (absl::Status status = CheckSamples(clip.samples, name); !status.ok()) return status;
  return clip;
}

absl::StatusOr<AudioEncoding> EncodingOfPath(const std::string& path) {
  const std::string lower = absl::AsciiStrToLower(path);
  if (absl::EndsWith(lower, ".wav")) return AudioEncoding::kWavPcm16;
  if (absl::EndsWith(lower, ".flac")) return AudioEncoding::kFlacPcm16;
  if (absl::EndsWith(lower, ".ogg")) return AudioEncoding::kOggVorbis;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": expected a name that ends in .wav, .flac or .ogg"));
}

absl::StatusOr<std::string> EncodeAudio(absl::Span<const float> samples, int sample_rate_hz,
                                        AudioEncoding encoding, const std::string& name) {
  if (absl::Status status = CheckSamples(samples, name); !status.ok()) return status;
  if (samples.size() * sizeof(float) > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": ", samples.size(), " samples do not fit into one file"));
  }
  absl::StatusOr<SF_INFO> info = InfoOf(encoding, sample_rate_hz);
  if (!info.ok()) return info.status();
  SoundSink sink;
  SoundFile file = sink.Open(*info);
  if (file == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": cannot be encoded at ", sample_rate_hz,
                                                   " Hz: ", sf_strerror(nullptr)));
  }
  sf_command(file.get(), SFC_SET_CLIPPING, nullptr, SF_TRUE);
  // In blocks: libsndfile's Vorbis encoder keeps a whole write on the stack.
  for (size_t start = 0; start < samples.size(); start += kFramesPerRead) {
    const absl::Span<const float> block = samples.subspan(start, kFramesPerRead);
    const auto count = static_cast<sf_count_t>(block.size());
    if (sf_writef_float(file.get(), block.data(), count) != count) {
      return absl::InternalError(
          absl::StrCat(name, ": cannot be encoded: ", sf_strerror(file.get())));
    }
  }
  file.reset();
  return std::move(sink.bytes());
}

absl::Status WriteAudioFile(const std::string& path, absl::Span<const float> samples,
                            int sample_rate_hz, AudioEncoding encoding) {
  const absl::StatusOr<std::string> bytes = EncodeAudio(samples, sample_rate_hz, encoding, path);
  if (!bytes.ok()) return bytes.status();
  return WriteFileAtomically(path, *bytes);
}

absl::Status WriteAudioFile(const std::string& path, absl::Span<const float> samples,
                            int sample_rate_hz) {
  const absl::StatusOr<AudioEncoding> encoding = EncodingOfPath(path);
  if (!encoding.ok()) return encoding.status();
  return WriteAudioFile(path, samples, sample_rate_hz, *encoding);
}

}  // namespace magnet
