// Random numbers of a training run as a pure function of the seed and of what
// they are for: no generator has a state, so a resumed run, or one spread over
// other processes, draws what an unbroken one does.
#ifndef MAGNET_TRAIN_DRAW_STREAM_H_
#define MAGNET_TRAIN_DRAW_STREAM_H_

#include <cstdint>
#include <vector>

namespace magnet {

enum class DrawPurpose : uint32_t {
  kShuffle = 1,  // order of the clips in an epoch
  kCrop,         // where a crop begins
  kCaption,      // which caption of a clip
  kStage,        // which codebook a micro-batch trains
  kMask,         // mask rate and span starts
  kCondition,    // condition dropout
  kCentroid,     // k-means and dead-code restart
  kWeights,      // initial weights
  kBeats,        // whether an item is told its beats
  kFullMask,     // whether all frames of an item are masked
  kRegenerated,  // which crop of which regenerated clip
};

// The draws for item `item` of step `step`, in order.
class DrawStream {
 public:
  DrawStream(uint64_t seed, DrawPurpose purpose, uint64_t step, uint32_t item);

  // Uniform in [0, 1), 53 bits.
  double Uniform();

  // Uniform in 0..count-1; count in [1, 2^53).
  int64_t Below(int64_t count);

  // 0..count-1 in random order.
  std::vector<int64_t> Permutation(int64_t count);

  // 64 bits, to seed a generator of somebody else.
  uint64_t Bits();

 private:
  uint64_t seed_;
  uint64_t step_;
  uint32_t item_;
  uint32_t purpose_;
  uint32_t num_drawn_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_DRAW_STREAM_H_
