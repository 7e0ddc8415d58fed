// What MusicBench knows of a clip besides its captions - beats, chords, key, tempo -
// as classes that can be learnt. Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_ANNOTATIONS_H_
#define MAGNET_TRAIN_ANNOTATIONS_H_

#include <array>
#include <cstdint>

#include "model/model_config.h"
#include "model/torch.h"
#include "train/musicbench_row.h"

namespace magnet {

// The class of what a row does not tell, or tells in a way that is not known here.
inline constexpr int64_t kUnlabelled = -1;

// Classes of each label of a frame:
//   beat    sixteenths of the way from one beat to the next; none before the first beat
//           and after the last
//   bar     the beat's place in its bar, from 0; the eighth and beyond are one class
//   chord   its root (C: 0) times 3, plus 0 major, 1 minor, 2 any other
//   key     its tonic (C: 0), plus 12 in minor
enum FrameLabel { kBeatLabel, kBarLabel, kChordLabel, kKeyLabel, kNumFrameLabels };
inline constexpr std::array<int64_t, kNumFrameLabels> kFrameLabelClasses = {16, 8, 36, 24};

// Classes of each label of a clip: its key as above, and its tempo, in 24ths of an
// octave above 32 beats per minute, the ends open.
inline constexpr std::array<int64_t, 2> kClipLabelClasses = {24, 80};

// Labels of frames [begin, begin + count): [kNumFrameLabels, count] int64, each at the frame's
// middle.
torch::Tensor FrameLabels(const MusicBenchRow& row, double frame_rate_hz, int64_t begin,
                          int64_t count);

// [2] int64.
torch::Tensor ClipLabels(const MusicBenchRow& row);

// Ticks of frames [begin, begin + count): [count] int64, each at the frame's middle. The first
// and the last beats' lengths hold before and after them; no_tick_id where fewer than two
// beats are told, and beside beats of no length.
torch::Tensor Ticks(const MusicBenchRow& row, const BeatConfig& beats, double frame_rate_hz,
                    int64_t begin, int64_t count);

// What a caption can be asked for of beats: classes of the tempo, in whole frames of a beat,
// and of the number of beats in a bar, as MagnetTransformer's beat head has them. [2] int64.
torch::Tensor BeatLabels(const MusicBenchRow& row, const BeatConfig& beats, double frame_rate_hz);
std::array<int64_t, 2> BeatLabelClasses(const BeatConfig& beats);

// Cross-entropy of `logits` [..., sum of classes] against `labels` [..., kinds], summed
// over what is labelled: kind i has the i-th group of logits.
torch::Tensor SummedLabelLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                              at::IntArrayRef classes);

}  // namespace magnet

#endif  // MAGNET_TRAIN_ANNOTATIONS_H_
