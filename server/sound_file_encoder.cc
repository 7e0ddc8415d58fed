#include "server/sound_file_encoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/status_conversion.h"
#include "server/streaming_resampler.h"

namespace magnet {
namespace {

// A file that only grows: what libsndfile goes back to rewrite after it has been
// taken is dropped.
class MemorySink {
 public:
  static SF_VIRTUAL_IO Callbacks() {
    return {.get_filelen = &Length, .seek = &Seek, .read = &Read, .write = &Write, .tell = &Tell};
  }

  std::string Take() {
    taken_ += static_cast<sf_count_t>(bytes_.size());
    return std::exchange(bytes_, "");
  }

 private:
  static MemorySink& Of(void* user) { return *static_cast<MemorySink*>(user); }

  static sf_count_t Length(void* user) {
    return Of(user).taken_ + static_cast<sf_count_t>(Of(user).bytes_.size());
  }

  static sf_count_t Seek(sf_count_t offset, int whence, void* user) {
    MemorySink& sink = Of(user);
    if (whence == SEEK_CUR) offset += sink.position_;
    if (whence == SEEK_END) offset += Length(user);
    return sink.position_ = offset;
  }

  static sf_count_t Read(void*, sf_count_t, void*) { return 0; }

  static sf_count_t Write(const void* data, sf_count_t count, void* user) {
    MemorySink& sink = Of(user);
    const char* from = static_cast<const char*>(data);
    const sf_count_t dropped = std::clamp<sf_count_t>(sink.taken_ - sink.position_, 0, count);
    const sf_count_t at = sink.position_ + dropped - sink.taken_;
    const sf_count_t kept = count - dropped;
    if (kept > 0) {
      sink.bytes_.resize(std::max<size_t>(sink.bytes_.size(), static_cast<size_t>(at + kept)));
      std::memcpy(sink.bytes_.data() + at, from + dropped, static_cast<size_t>(kept));
    }
    sink.position_ += count;
    return count;
  }

  static sf_count_t Tell(void* user) { return Of(user).position_; }

  std::string bytes_;  // from offset taken_ on
  sf_count_t taken_ = 0;
  sf_count_t position_ = 0;
};

class SoundFileEncoder : public AudioEncoder {
 public:
  ~SoundFileEncoder() override {
    if (file_ != nullptr) sf_close(file_);
  }

  absl::Status Open(int format, int sample_rate_hz) {
    SF_INFO info{};
    info.samplerate = sample_rate_hz;
    info.channels = 1;
    info.format = format;
    SF_VIRTUAL_IO callbacks = MemorySink::Callbacks();
    file_ = sf_open_virtual(&callbacks, SFM_WRITE, &info, &sink_);
    if (file_ == nullptr) {
      return MakeError(
          absl::StatusCode::kInternal, "ENCODING_FAILED",
          absl::StrCat("cannot encode ", sample_rate_hz, " Hz: ", sf_strerror(nullptr)));
    }
    sf_command(file_, SFC_SET_CLIPPING, nullptr, SF_TRUE);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Encode(absl::Span<const float> samples) override {
    return Write(samples);
  }

  absl::StatusOr<std::string> Finish() override { return Close(); }

 protected:
  absl::StatusOr<std::string> Write(absl::Span<const float> samples) {
    const auto count = static_cast<sf_count_t>(samples.size());
    if (sf_write_float(file_, samples.data(), count) != count) {
      return MakeError(absl::StatusCode::kInternal, "ENCODING_FAILED", sf_strerror(file_));
    }
    return sink_.Take();
  }

  std::string Close() {
    sf_close(std::exchange(file_, nullptr));
    return sink_.Take();
  }

 private:
  MemorySink sink_;
  SNDFILE* file_ = nullptr;
};

// Offset and width of the sample count in STREAMINFO: the low 4 bits of byte 21
// and the four bytes after it (RFC 9639, section 8.2).
constexpr size_t kFlacCountOffset = 21;
constexpr size_t kFlacHeaderBytes = 42;

class FlacEncoder : public SoundFileEncoder {
 public:
  explicit FlacEncoder(int64_t num_samples) : num_samples_(num_samples) {}

  absl::StatusOr<std::string> Encode(absl::Span<const float> samples) override {
    auto bytes = Write(samples);
    return bytes.ok() ? WithCount(*std::move(bytes)) : bytes;
  }

  absl::StatusOr<std::string> Finish() override { return WithCount(Close()); }

 private:
  std::string WithCount(std::string bytes) {
    if (header_sent_) return bytes;
    bytes = std::exchange(header_, "") + bytes;
    if (bytes.size() < kFlacHeaderBytes) {
      header_ = std::move(bytes);
      return "";
    }
    const auto count = static_cast<uint64_t>(num_samples_);
    bytes[kFlacCountOffset] = static_cast<char>(
        (static_cast<uint8_t>(bytes[kFlacCountOffset]) & 0xF0) | ((count >> 32) & 0x0F));
    for (int i = 0; i < 4; ++i) {
      bytes[kFlacCountOffset + 1 + static_cast<size_t>(i)] =
          static_cast<char>(count >> (24 - 8 * i));
    }
    header_sent_ = true;
    return bytes;
  }

  const int64_t num_samples_;
  std::string header_;  // its beginning, until it is whole
  bool header_sent_ = false;
};

class OpusEncoder : public SoundFileEncoder {
 public:
  OpusEncoder(const AudioShape& shape, int rate_hz)
      : resampler_(shape.sample_rate_hz, rate_hz),
        missing_(DeliveredSamples(AudioFormat::kOggOpus, shape)) {}

  absl::StatusOr<std::string> Encode(absl::Span<const float> samples) override {
    return WriteAtMostMissing(resampler_.Process(samples));
  }

  absl::StatusOr<std::string> Finish() override {
    auto tail = WriteAtMostMissing(resampler_.Finish());
    if (!tail.ok()) return tail;
    return *tail + Close();
  }

 private:
  absl::StatusOr<std::string> WriteAtMostMissing(std::vector<float> samples) {
    const int64_t count = std::min(missing_, static_cast<int64_t>(samples.size()));
    missing_ -= count;
    return Write(absl::MakeSpan(samples).first(static_cast<size_t>(count)));
  }

  StreamingResampler resampler_;
  int64_t missing_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeFlacEncoder(const AudioShape& shape) {
  auto encoder = std::make_unique<FlacEncoder>(shape.num_samples);
  absl::Status status = encoder->Open(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, shape.sample_rate_hz);
  if (!status.ok()) return status;
  return encoder;
}

absl::StatusOr<std::unique_ptr<AudioEncoder>> MakeOpusEncoder(const AudioShape& shape) {
  const int rate = DeliveredRate(AudioFormat::kOggOpus, shape.sample_rate_hz);
  auto encoder = std::make_unique<OpusEncoder>(shape, rate);
  absl::Status status = encoder->Open(SF_FORMAT_OGG | SF_FORMAT_OPUS, rate);
  if (!status.ok()) return status;
  return encoder;
}

}  // namespace magnet
