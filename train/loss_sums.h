// What the losses of a training step add up to, kind by kind: over its passes, then over the
// processes. Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_LOSS_SUMS_H_
#define MAGNET_TRAIN_LOSS_SUMS_H_

#include <cstdint>

#include "model/torch.h"
#include "train/metrics_log.h"

namespace magnet {

// A kind is a stage, or one of the three below.
class LossSums {
 public:
  explicit LossSums(int num_stages);

  int annotations() const { return num_stages_; }
  int beats() const { return num_stages_ + 1; }
  int texts() const { return num_stages_ + 2; }

  // Entries of a kind that its loss is summed over; those of all passes are counted first.
  void Count(int kind, int64_t entries);
  // A loss, summed over some of them.
  void Add(int kind, const torch::Tensor& loss);

  // [kinds] float32, views: what processes exchange.
  torch::Tensor entries() const { return sums_[1]; }
  torch::Tensor losses() const { return sums_[0]; }

  // Entries to divide a loss by; 1 where there is none.
  double Divisor(int kind) const;
  double DivisorOfCodes() const;  // of all stages together

  double MeanOfCodes() const;
  // Of the kinds that have entries: "loss_stage0", ..., "loss_annotations", "loss_beats",
  // "loss_text".
  Metrics Means() const;

 private:
  const int num_stages_;
  torch::Tensor sums_;  // [2, kinds]: losses, entries
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_LOSS_SUMS_H_
