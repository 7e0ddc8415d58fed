// From the samples of one clip to the chunks of its file, with the account of
// what was sent.
#ifndef MAGNET_SERVER_AUDIO_STREAM_H_
#define MAGNET_SERVER_AUDIO_STREAM_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/audio_encoder.h"

namespace magnet {

struct EncodedChunk {
  std::string data;        // not empty
  int64_t offset = 0;      // of data in the file
  int64_t end_sample = 0;  // delivered samples given to the encoder so far
};

// Not thread-safe.
class AudioStream {
 public:
  // `max_chunk_samples` > 0: samples of the model per chunk, at most.
  static absl::StatusOr<std::unique_ptr<AudioStream>> Open(AudioFormat format,
                                                           const AudioShape& shape,
                                                           int64_t max_chunk_samples);

  // The next samples, at the model's rate. The chunks that became final. When
  // the last sample is in, the file is finished. INTERNAL when there are more
  // samples than `shape` says.
  absl::StatusOr<std::vector<EncodedChunk>> Add(absl::Span<const float> samples);

  bool complete() const { return samples_in_ == shape_.num_samples; }
  int64_t size_bytes() const { return size_bytes_; }
  // At the rate that is delivered.
  int64_t samples_delivered() const;
  // Of the model's samples given so far.
  double seconds() const;

  // SHA-256 of all chunks, 32 bytes. Requires complete(); call once.
  std::string Checksum();

 private:
  struct DigestDeleter {
    void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
  };

  AudioStream(AudioFormat format, const AudioShape& shape, int64_t max_chunk_samples,
              std::unique_ptr<AudioEncoder> encoder);

  const AudioFormat format_;
  const AudioShape shape_;
  const int64_t max_chunk_samples_;
  std::unique_ptr<AudioEncoder> encoder_;
  std::unique_ptr<EVP_MD_CTX, DigestDeleter> digest_;
  int64_t samples_in_ = 0;
  int64_t size_bytes_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_AUDIO_STREAM_H_
