#include "server/pcm_encoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace magnet {
namespace {

static_assert(std::endian::native == std::endian::little, "samples are copied as they are");

constexpr uint16_t kFormatPcm = 1;
constexpr uint16_t kFormatFloat = 3;

template <typename Int>
void Append(Int value, std::string& bytes) {
  char raw[sizeof(Int)];
  std::memcpy(raw, &value, sizeof(Int));
  bytes.append(raw, sizeof(Int));
}

int16_t ToS16(float sample) {
  return static_cast<int16_t>(std::lrintf(std::clamp(sample, -1.0f, 1.0f) * 32767.0f));
}

// The "fact" chunk is required of every format but integer PCM.
std::string WavHeader(SampleType type, const AudioShape& shape) {
  const bool is_float = type == SampleType::kF32;
  const uint16_t num_channels = 1, sample_bytes = is_float ? 4 : 2;
  const auto rate = static_cast<uint32_t>(shape.sample_rate_hz);
  const auto data_bytes = static_cast<uint32_t>(shape.num_samples * sample_bytes);
  std::string body = "WAVEfmt ";
  Append<uint32_t>(16, body);
  Append<uint16_t>(is_float ? kFormatFloat : kFormatPcm, body);
  Append<uint16_t>(num_channels, body);
  Append<uint32_t>(rate, body);
  Append<uint32_t>(rate * sample_bytes, body);
  Append<uint16_t>(sample_bytes, body);
  Append<uint16_t>(static_cast<uint16_t>(8 * sample_bytes), body);
  if (is_float) {
    body += "fact";
    Append<uint32_t>(4, body);
    Append<uint32_t>(static_cast<uint32_t>(shape.num_samples), body);
  }
  body += "data";
  Append<uint32_t>(data_bytes, body);
  std::string header = "RIFF";
  Append<uint32_t>(static_cast<uint32_t>(body.size()) + data_bytes, header);
  return header + body;
}

class PcmEncoder : public AudioEncoder {
 public:
  PcmEncoder(SampleType type, std::string header) : type_(type), header_(std::move(header)) {}

  absl::StatusOr<std::string> Encode(absl::Span<const float> samples) override {
    std::string bytes = std::move(header_);
    header_.clear();
    bytes.reserve(bytes.size() + 4 * samples.size());
    for (float sample : samples) {
      type_ == SampleType::kF32 ? Append(sample, bytes) : Append(ToS16(sample), bytes);
    }
    return bytes;
  }

  absl::StatusOr<std::string> Finish() override { return std::move(header_); }

 private:
  const SampleType type_;
  std::string header_;  // empty once sent
};

}  // namespace

std::unique_ptr<AudioEncoder> MakePcmEncoder(SampleType type, Container container,
                                             const AudioShape& shape) {
  return std::make_unique<PcmEncoder>(type,
                                      container == Container::kWav ? WavHeader(type, shape) : "");
}

}  // namespace magnet
