#include "train/regenerated_clips.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "train/audio_pool.h"
#include "train/code_shards.h"

namespace magnet {
namespace {

constexpr size_t kValidationEvery = 16;

// Clips of at least `min_frames`.
std::map<std::string, int64_t> ClipsByLocation(const CodeSet& codes, int64_t min_frames) {
  std::map<std::string, int64_t> clips;
  for (int64_t i = 0; i < codes.size(); ++i) {
    if (codes.num_frames(i) >= min_frames) clips[codes.row(i).location] = i;
  }
  return clips;
}

}  // namespace

absl::StatusOr<RegeneratedClips> RegeneratedClips::Load(const std::string& folder,
                                                        const MusicBenchOptions& source,
                                                        const std::string& fingerprint,
                                                        int sample_rate_hz, int64_t crop_frames) {
  const absl::StatusOr<CodeSet> codes = CodeSet::Open(folder);
  if (!codes.ok()) return codes.status();
  if (codes->info().codec_fingerprint != fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": expected codes of the codec that is trained (", fingerprint,
                     "), found those of ", codes->info().codec_fingerprint));
  }
  absl::StatusOr<MusicBenchDataset> dataset = MusicBenchDataset::Open(source);
  if (!dataset.ok()) return dataset.status();
  RegeneratedClips clips;
  clips.crop_frames_ = crop_frames;
  clips.hop_length_ = std::llround(sample_rate_hz / codes->info().frame_rate_hz);
  const std::map<std::string, int64_t> wanted = ClipsByLocation(*codes, crop_frames);
  std::set<std::string> locations;
  for (const auto& [location, clip] : wanted) locations.insert(location);
  dataset->KeepOnly(locations);
  const auto take = [&](const MusicBenchRow& row, const std::string& bytes) {
    const int64_t clip = wanted.at(row.location);
    absl::StatusOr<torch::Tensor> samples = DecodeClip(row, bytes, sample_rate_hz);
    if (!samples.ok()) return samples.status();
    const size_t taken = clips.training_.size() + clips.validation_.size();
    const bool trained = taken % kValidationEvery != 0;
    (trained ? clips.training_ : clips.validation_)
        .push_back({codes->Codes(clip, 0, codes->num_frames(clip)).to(torch::kShort).contiguous(),
                    *std::move(samples)});
    return absl::OkStatus();
  };
  const absl::StatusOr<NamedCount> missing = dataset->ForEachAudio(take);
  if (!missing.ok()) return missing.status();
  if (clips.training_.empty() || clips.validation_.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": expected clips of at least ", crop_frames, " frames with audio in ",
                     source.audio, ", one to validate with and one to train on, found ",
                     clips.training_.size() + clips.validation_.size(), " of ", codes->size()));
  }
  return clips;
}

RegeneratedClips::Crop RegeneratedClips::Cut(const Clip& clip, int64_t begin) const {
  const int64_t num_samples = crop_frames_ * hop_length_;
  return {clip.codes.narrow(1, begin, crop_frames_).to(torch::kLong),
          CutSamples(clip.samples, begin * hop_length_, num_samples)};
}

RegeneratedClips::Crop RegeneratedClips::Draw(DrawStream& draws) const {
  const Clip& clip = training_[draws.Below(size())];
  return Cut(clip, draws.Below(clip.codes.size(1) - crop_frames_ + 1));
}

RegeneratedClips::Crop RegeneratedClips::Middle(int64_t index) const {
  const Clip& clip = validation_[index];
  return Cut(clip, (clip.codes.size(1) - crop_frames_) / 2);
}

}  // namespace magnet
