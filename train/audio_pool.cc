#include "train/audio_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"
#include "model/audio/resampler.h"

namespace magnet {
namespace {

constexpr float kFullScale = 32767;
constexpr double kUsualSeconds = 10;  // of a clip of MusicBench

}  // namespace

absl::StatusOr<torch::Tensor> DecodeClip(const MusicBenchRow& row, const std::string& bytes,
                                         int sample_rate_hz) {
  const absl::StatusOr<AudioClip> clip = ReadAudioBytes(bytes, row.location);
  if (!clip.ok()) return clip.status();
  const absl::StatusOr<std::vector<float>> samples =
      Resample(clip->samples, clip->sample_rate_hz, sample_rate_hz);
  if (!samples.ok()) return samples.status();
  return (torch::tensor(*samples).clamp(-1, 1) * kFullScale).round().to(torch::kShort);
}

torch::Tensor CutSamples(const torch::Tensor& samples, int64_t begin, int64_t num_samples) {
  const int64_t count = std::clamp<int64_t>(samples.numel() - begin, 0, num_samples);
  torch::Tensor crop = torch::zeros({num_samples});
  crop.narrow(0, 0, count).copy_(samples.narrow(0, begin, count)).div_(kFullScale);
  return crop;
}

absl::StatusOr<AudioPool> AudioPool::Load(const MusicBenchOptions& source, int sample_rate_hz,
                                          double max_seconds, uint64_t seed) {
  absl::StatusOr<MusicBenchDataset> dataset = MusicBenchDataset::Open(source);
  if (!dataset.ok()) return dataset.status();
  AudioPool pool;
  pool.sample_rate_hz_ = sample_rate_hz;
  const double share = max_seconds / (kUsualSeconds * static_cast<double>(dataset->rows().size()));
  DrawStream draws(seed, DrawPurpose::kShuffle, /*step=*/0, /*item=*/1);
  const absl::StatusOr<NamedCount> missing =
      dataset->ForEachAudio([&](const MusicBenchRow& row, const std::string& bytes) {
        const bool chosen = draws.Uniform() < share;
        if (chosen || pool.clips_.empty()) pool.Add(row, bytes);
        return absl::OkStatus();
      });
  if (!missing.ok()) return missing.status();
  if (pool.clips_.empty()) {
    return absl::NotFoundError(absl::StrCat(source.rows, ": none of its ", dataset->rows().size(),
                                            " clips could be read from ", source.audio));
  }
  return pool;
}

void AudioPool::Add(const MusicBenchRow& row, const std::string& bytes) {
  absl::StatusOr<torch::Tensor> samples = DecodeClip(row, bytes, sample_rate_hz_);
  if (!samples.ok()) {
    bad_clips_.Add(std::string(samples.status().message()));
    return;
  }
  num_samples_ += samples->numel();
  clips_.push_back(*std::move(samples));
}

torch::Tensor AudioPool::Crop(int64_t num_samples, DrawStream& draws) const {
  const int64_t index = draws.Below(num_clips());
  const int64_t slack = std::max<int64_t>(clips_[index].numel() - num_samples, 0);
  return CutSamples(clips_[index], draws.Below(slack + 1), num_samples);
}

torch::Tensor AudioPool::Middle(int64_t index, int64_t num_samples) const {
  const int64_t slack = std::max<int64_t>(clips_[index].numel() - num_samples, 0);
  return CutSamples(clips_[index], slack / 2, num_samples);
}

}  // namespace magnet
