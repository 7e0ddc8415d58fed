// Clips with codes that a language model has written, as `magnet-train regenerate`
// leaves them.
//
// An encoder writes codes that fit each other from frame to frame; a language model that
// samples them, frames of a span in one pass and each for itself, does not quite, and a
// decoder that has only seen the encoder's makes noise of the difference. With these pairs
// it learns which sound is meant. Their phase is anybody's guess: only spectra are compared.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_REGENERATED_CLIPS_H_
#define MAGNET_TRAIN_REGENERATED_CLIPS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/torch.h"
#include "train/draw_stream.h"
#include "train/musicbench_dataset.h"

namespace magnet {

class RegeneratedClips {
 public:
  struct Crop {
    torch::Tensor codes;  // [K, T] int64
    torch::Tensor wave;   // [T * hop] float32: the real clip there
  };

  // Of the clips of `folder` (code_shards.h) those of at least `crop_frames` frames whose
  // audio is in `source`; the first of every sixteen is kept for validation. FAILED_PRECONDITION
  // where the codes are not those of the codec with this `fingerprint` (codec_folder.h),
  // NOT_FOUND where there are fewer than two.
  static absl::StatusOr<RegeneratedClips> Load(const std::string& folder,
                                               const MusicBenchOptions& source,
                                               const std::string& fingerprint, int sample_rate_hz,
                                               int64_t crop_frames);

  int64_t size() const { return static_cast<int64_t>(training_.size()); }
  int64_t validation_size() const { return static_cast<int64_t>(validation_.size()); }

  // A random crop of a random clip that is trained on.
  Crop Draw(DrawStream& draws) const;
  // The middle of a validation clip.
  Crop Middle(int64_t index) const;

 private:
  struct Clip {
    torch::Tensor codes;    // [K, T] int16
    torch::Tensor samples;  // [N] int16
  };

  Crop Cut(const Clip& clip, int64_t begin) const;

  int64_t crop_frames_ = 0;
  int64_t hop_length_ = 0;
  std::vector<Clip> training_, validation_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_REGENERATED_CLIPS_H_
