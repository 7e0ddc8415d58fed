// One clip as it arrives, checked against what the API promises.
#ifndef MAGNET_CLIENT_CLIP_RECEIVER_H_
#define MAGNET_CLIENT_CLIP_RECEIVER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "client/sha256.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// Takes the messages of one Generate call in order. Every error is DATA_LOSS
// and says what was promised and what came. Not thread-safe.
class ClipReceiver {
 public:
  // Started first and once; chunks without gaps; nothing after Finished.
  absl::Status Receive(const v1::GenerateResponse& response);

  // To be called when the call has ended with OK: Finished has come, and its
  // samples, bytes and SHA-256 are those of the chunks.
  absl::Status CheckComplete();

  bool has_started() const { return has_started_; }
  const v1::Started& started() const { return started_; }
  const v1::Finished& finished() const { return finished_; }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  absl::Status ReceiveStarted(const v1::Started& started);
  absl::Status ReceiveChunk(const v1::AudioChunk& chunk);
  absl::Status CheckSamples() const;

  bool has_started_ = false;
  bool has_finished_ = false;
  v1::Started started_;
  v1::Finished finished_;
  int64_t size_bytes_ = 0;
  int64_t end_sample_ = 0;
  Sha256 sha256_;
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CLIP_RECEIVER_H_
