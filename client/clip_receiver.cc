#include "client/clip_receiver.h"

#include "absl/strings/str_cat.h"

namespace magnet::client {
namespace {

// A WAV header with all the chunks a writer may put before the samples.
constexpr int64_t kMaxWavHeaderBytes = 4096;

// 0 for formats that compress.
int64_t BytesPerSample(v1::AudioFormat format) {
  switch (format) {
    case v1::AUDIO_FORMAT_PCM_S16:
    case v1::AUDIO_FORMAT_WAV_S16:
      return 2;
    case v1::AUDIO_FORMAT_PCM_F32:
    case v1::AUDIO_FORMAT_WAV_F32:
      return 4;
    default:
      return 0;
  }
}

template <typename Number>
absl::Status CheckEqual(const char* what, Number promised, Number received) {
  if (promised == received) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the audio is damaged: the server accounts for ",
                                          promised, " ", what, ", ", received, " arrived"));
}

}  // namespace

absl::Status ClipReceiver::Receive(const v1::GenerateResponse& response) {
  using Event = v1::GenerateResponse;
  if (has_finished_) return absl::DataLossError("the server sent a message after Finished");
  if (response.event_case() == Event::kStarted) return ReceiveStarted(response.started());
  if (!has_started_) return absl::DataLossError("the server did not send Started first");
  if (response.event_case() == Event::kAudioChunk) return ReceiveChunk(response.audio_chunk());
  if (response.event_case() == Event::kFinished) {
    finished_ = response.finished();
    has_finished_ = true;
  }
  return absl::OkStatus();
}

absl::Status ClipReceiver::ReceiveStarted(const v1::Started& started) {
  if (has_started_) return absl::DataLossError("the server sent Started twice");
  started_ = started;
  has_started_ = true;
  return absl::OkStatus();
}

absl::Status ClipReceiver::ReceiveChunk(const v1::AudioChunk& chunk) {
  if (chunk.offset() != size_bytes_) {
    return absl::DataLossError(absl::StrCat("a chunk of audio is missing: expected offset ",
                                            size_bytes_, ", got ", chunk.offset()));
  }
  size_bytes_ += static_cast<int64_t>(chunk.data().size());
  end_sample_ = chunk.end_sample();
  sha256_.Update(chunk.data());
  return absl::OkStatus();
}

absl::Status ClipReceiver::CheckSamples() const {
  const int64_t samples = finished_.samples();
  if (auto status = CheckEqual("samples", started_.total_samples(), samples); !status.ok()) {
    return status;
  }
  if (auto status = CheckEqual("samples", samples, end_sample_); !status.ok()) return status;
  const int64_t bytes_per_sample = BytesPerSample(started_.format());
  if (bytes_per_sample == 0) return absl::OkStatus();
  const bool has_header = started_.format() == v1::AUDIO_FORMAT_WAV_S16 ||
                          started_.format() == v1::AUDIO_FORMAT_WAV_F32;
  const int64_t header = size_bytes_ - samples * bytes_per_sample;
  if (has_header && header > 0 && header <= kMaxWavHeaderBytes) return absl::OkStatus();
  return CheckEqual("samples", samples, size_bytes_ / bytes_per_sample);
}

absl::Status ClipReceiver::CheckComplete() {
  if (!has_finished_) return absl::DataLossError("the stream ended without Finished");
  if (auto status = CheckEqual("bytes", finished_.size_bytes(), size_bytes_); !status.ok()) {
    return status;
  }
  if (auto status = CheckSamples(); !status.ok()) return status;
  if (sha256_.Finish() != finished_.sha256()) {
    return absl::DataLossError("the audio is damaged: its SHA-256 is not the server's");
  }
  return absl::OkStatus();
}

}  // namespace magnet::client
