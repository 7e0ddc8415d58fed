#include "server/audio_stream.h"

#include "absl/strings/str_cat.h"

namespace magnet {

AudioStream::AudioStream(AudioFormat format, const AudioShape& shape, int64_t max_chunk_samples,
                         std::unique_ptr<AudioEncoder> encoder)
    : format_(format),
      shape_(shape),
      max_chunk_samples_(max_chunk_samples),
      encoder_(std::move(encoder)),
      digest_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}

absl::StatusOr<std::unique_ptr<AudioStream>> AudioStream::Open(AudioFormat format,
                                                               const AudioShape& shape,
                                                               int64_t max_chunk_samples) {
  auto encoder = MakeAudioEncoder(format, shape);
  if (!encoder.ok()) return encoder.status();
  return std::unique_ptr<AudioStream>(
      new AudioStream(format, shape, max_chunk_samples, *std::move(encoder)));
}

absl::StatusOr<std::vector<EncodedChunk>> AudioStream::Add(absl::Span<const float> samples) {
  if (samples_in_ + static_cast<int64_t>(samples.size()) > shape_.num_samples) {
    return absl::InternalError(
        absl::StrCat("the model made more than the ", shape_.num_samples, " samples it announced"));
  }
  std::vector<EncodedChunk> chunks;
  const auto most = static_cast<size_t>(max_chunk_samples_);
  // Pieces of one size, so that none is a mere remainder.
  for (size_t left = (samples.size() + most - 1) / most; left > 0; --left) {
    const auto piece = samples.first((samples.size() + left - 1) / left);
    samples.remove_prefix(piece.size());
    auto bytes = encoder_->Encode(piece);
    if (!bytes.ok()) return bytes.status();
    samples_in_ += static_cast<int64_t>(piece.size());
    if (complete()) {
      auto tail = encoder_->Finish();
      if (!tail.ok()) return tail.status();
      *bytes += *tail;
    }
    if (bytes->empty()) continue;
    EVP_DigestUpdate(digest_.get(), bytes->data(), bytes->size());
    const int64_t offset = size_bytes_;
    size_bytes_ += static_cast<int64_t>(bytes->size());
    chunks.push_back({*std::move(bytes), offset, samples_delivered()});
  }
  return chunks;
}

int64_t AudioStream::samples_delivered() const {
  return DeliveredSamples(format_, {shape_.sample_rate_hz, samples_in_});
}

double AudioStream::seconds() const {
  return static_cast<double>(samples_in_) / shape_.sample_rate_hz;
}

std::string AudioStream::Checksum() {
  std::string checksum(EVP_MD_size(EVP_sha256()), '\0');
  EVP_DigestFinal_ex(digest_.get(), reinterpret_cast<unsigned char*>(checksum.data()), nullptr);
  return checksum;
}

}  // namespace magnet
