#include "model/given_codes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/audio/resampler.h"

namespace magnet {
namespace {

// A last frame that the audio covers only in part would be kept with silence in
// its second half: it is left to be generated.
int WholeFrames(size_t num_samples, int hop_length) {
  return static_cast<int>(num_samples / hop_length);
}

std::vector<bool> KeptFrames(const GivenCodes& given, int num_frames, double frame_rate_hz) {
  std::vector<bool> kept(num_frames, false);
  std::fill_n(kept.begin(), std::min(given.num_frames, num_frames), true);
  for (const TimeRange& range : given.regenerate) {
    const int64_t first = FrameAt(range.start_seconds, frame_rate_hz);
    // The shortest range touches the frame it lies in.
    const int64_t end =
        std::max(static_cast<int64_t>(std::ceil(range.end_seconds * frame_rate_hz)), first + 1);
    for (int64_t t = first; t < std::min<int64_t>(end, num_frames); ++t) kept[t] = false;
  }
  return kept;
}

absl::StatusOr<GivenCodes> EncodeFrames(const GivenAudio& audio, EncodecModel& codec,
                                        bool whole_frames_only) {
  auto samples = Resample(audio.samples, audio.sample_rate_hz, codec->config().sample_rate_hz);
  if (!samples.ok()) return samples.status();
  const auto length = static_cast<int64_t>(samples->size());
  const torch::Tensor wave = torch::from_blob(samples->data(), {1, 1, length}, torch::kFloat);
  const torch::Device device = codec->parameters().front().device();
  torch::Tensor codes = codec->Encode(wave.to(device))[0];
  if (whole_frames_only) {
    codes = codes.narrow(1, 0, WholeFrames(samples->size(), codec->config().hop_length()));
  }
  codes = codes.to(torch::kCPU).contiguous();
  GivenCodes given;
  given.num_frames = static_cast<int>(codes.size(1));
  given.codes.assign(codes.data_ptr<int64_t>(), codes.data_ptr<int64_t>() + codes.numel());
  given.regenerate = audio.regenerate;
  return given;
}

}  // namespace

absl::StatusOr<GivenCodes> EncodeAllFrames(const GivenAudio& audio, EncodecModel& codec) {
  return EncodeFrames(audio, codec, /*whole_frames_only=*/false);
}

absl::StatusOr<GivenCodes> EncodeGivenAudio(const GivenAudio& audio, EncodecModel& codec) {
  return EncodeFrames(audio, codec, /*whole_frames_only=*/true);
}

ClipCodes PlaceGivenCodes(const GivenCodes& given, int num_frames, int num_codebooks,
                          double frame_rate_hz) {
  ClipCodes clip;
  clip.num_frames = num_frames;
  clip.codes.assign(int64_t{num_codebooks} * num_frames, 0);
  clip.kept = KeptFrames(given, num_frames, frame_rate_hz);
  const int placed = std::min(given.num_frames, num_frames);
  for (int k = 0; k < num_codebooks && placed > 0; ++k) {
    std::copy_n(given.codes.begin() + int64_t{k} * given.num_frames, placed,
                clip.codes.begin() + int64_t{k} * num_frames);
  }
  return clip;
}

}  // namespace magnet
