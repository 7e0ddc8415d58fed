// The audio that a codec is trained on, decoded once and held in memory.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_AUDIO_POOL_H_
#define MAGNET_TRAIN_AUDIO_POOL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"
#include "train/draw_stream.h"
#include "train/musicbench_dataset.h"

namespace magnet {

// A clip's samples at `sample_rate_hz`, [N] int16. Errors name the row's location.
absl::StatusOr<torch::Tensor> DecodeClip(const MusicBenchRow& row, const std::string& bytes,
                                         int sample_rate_hz);

// samples [N] int16 -> those from `begin` on, [num_samples] float32, followed by silence
// where there are fewer.
torch::Tensor CutSamples(const torch::Tensor& samples, int64_t begin, int64_t num_samples);

class AudioPool {
 public:
  // Reads the clips of a data set, as 16-bit samples at `sample_rate_hz`: all, or
  // where they would be longer than about `max_seconds`, a random share of them
  // that `seed` decides. Clips that cannot be decoded are counted in bad_clips().
  // NOT_FOUND where none can.
  static absl::StatusOr<AudioPool> Load(const MusicBenchOptions& source, int sample_rate_hz,
                                        double max_seconds, uint64_t seed);

  int64_t num_clips() const { return static_cast<int64_t>(clips_.size()); }
  double seconds() const { return static_cast<double>(num_samples_) / sample_rate_hz_; }
  const NamedCount& bad_clips() const { return bad_clips_; }

  // A random crop of a random clip, [num_samples] float32; shorter clips are
  // followed by silence. All crops of a clip, and all clips, are equally likely.
  torch::Tensor Crop(int64_t num_samples, DrawStream& draws) const;

  // The middle of clip `index`, likewise.
  torch::Tensor Middle(int64_t index, int64_t num_samples) const;

 private:
  void Add(const MusicBenchRow& row, const std::string& bytes);

  int sample_rate_hz_ = 0;
  int64_t num_samples_ = 0;
  std::vector<torch::Tensor> clips_;  // [samples] int16 each
  NamedCount bad_clips_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_AUDIO_POOL_H_
