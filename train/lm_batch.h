// Batches of masked codes and captions for the language model.
// Internal to targets that use LibTorch. B batch, K codebooks, T frames (the
// window, or a short crop), S tokens.
#ifndef MAGNET_TRAIN_LM_BATCH_H_
#define MAGNET_TRAIN_LM_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/t5/tokenizer.h"
#include "model/torch.h"
#include "train/clip_labels.h"
#include "train/code_shards.h"
#include "train/span_masks.h"
#include "train/training_config.h"

namespace magnet {

struct LmBatch {
  int stage = 0;
  torch::Tensor input;          // [B, K, T] int64: codebooks before `stage` as they are, its own
                                // masked by spans, those after it all masked; padding is masked
  torch::Tensor ticks;          // [B, T] int64 (BeatConfig); undefined where the model has no beats
  torch::Tensor beat_labels;    // [B, kinds] int64 (annotations.h), likewise; kUnlabelled where
                                // the condition is dropped
  int64_t num_beat_labels = 0;  // entries of beat_labels that are not kUnlabelled
  torch::Tensor targets;        // [B, T] int64: codes of codebook `stage`, 0 in padding
  torch::Tensor loss_mask;      // [B, T] bool: masked by a span and no padding
  torch::Tensor first_frames;   // [B] int64: where in the window each crop begins
  torch::Tensor frame_labels;   // [B, T, kinds] int64: annotations.h, then label_kinds; undefined
                                // where no annotations are learnt, or the stage is not the first
  int64_t num_labels = 0;       // entries of frame_labels that are not kUnlabelled
  torch::Tensor token_ids;      // [B, S] int64, padded with 0
  torch::Tensor token_mask;     // [B, S] bool: no padding
  torch::Tensor is_null;        // [B] bool: the condition is dropped
  int64_t num_masked = 0;       // true entries of loss_mask
  std::vector<std::string> locations;  // of the clips, to name a batch
};

// Captions and what their clips are made of.
struct TextBatch {
  torch::Tensor token_ids;             // [B, S] int64, padded with 0
  torch::Tensor token_mask;            // [B, S] bool: no padding
  torch::Tensor code_shares;           // [B, K, card] float32: how often a clip has each code
  torch::Tensor clip_labels;           // [B, kinds] int64: annotations.h, then label_kinds
  torch::Tensor beat_labels;           // [B, kinds] int64 (annotations.h); undefined where the
                                       // model has no beats
  std::vector<std::string> locations;  // of the clips, to name a batch
};

struct LmBatchOptions {
  uint64_t seed = 1;
  int max_text_tokens = 128;
  double condition_dropout = 0;
  double beat_dropout = 0;
  double full_mask_chance = 0;  // of an item of training to have all its frames masked
  CaptionConfig captions{};
  ShortCropConfig short_crops{};
  std::vector<int> stage_weights{};  // empty: equal
  bool with_labels = false;          // fill in frame_labels
  std::vector<LabelKind> label_kinds{};
};

// Where a batch lies in a step of all processes.
struct BatchPlace {
  int64_t step = 0;
  int64_t first_item = 0;  // of the step's items, over processes and passes
  int pass = 0;            // of the step; decides the stage
  int64_t items_per_step = 0;
};

// A function of its arguments: item i of a step is the same clip, crop, caption
// and mask whatever batch or process it falls to. Clips are gone through in
// epochs, each in an order of its own.
class LmBatchMaker {
 public:
  // All three must outlive the maker.
  LmBatchMaker(const CodeSet& clips, const T5Tokenizer& tokenizer, const LmConfig& lm,
               LmBatchOptions options);

  absl::StatusOr<LmBatch> Training(const BatchPlace& place, int batch_size);

  // The items of Training() by their texts and whole clips.
  absl::StatusOr<TextBatch> Texts(const BatchPlace& place, int batch_size);

  // Clips [first, first + count) from their beginning, with the main caption,
  // for `stage`: the same masks every time and no dropout.
  absl::StatusOr<LmBatch> Validation(int64_t first, int64_t count, int stage) const;

  int64_t num_clips() const { return clips_.size(); }

  // Frames of a training step's items.
  int NumFrames(int64_t step) const { return SpanCounts(step).num_frames(); }

 private:
  struct Item {
    int64_t clip = 0;
    int64_t begin = 0;        // first frame of the crop, in the clip
    int64_t first_frame = 0;  // likewise, in the window
    std::string caption;
    bool is_null = false;
    bool knows_beats = true;
    torch::Tensor span_mask;  // [T] bool; of Assemble's items
  };

  const SpanCountTable& SpanCounts(int64_t step) const;
  void PlaceCrop(int64_t step, DrawStream draws, Item& item) const;
  // Frames of its crop, of num_frames, that lie inside the clip.
  int64_t FramesInClip(const Item& item, int num_frames) const;
  torch::Tensor TicksOf(const Item& item, int num_frames) const;  // [T] int64
  torch::Tensor BeatLabelsOf(const Item& item) const;
  void AddBeats(const std::vector<Item>& items, int num_frames, LmBatch& batch) const;
  torch::Tensor LabelsOf(const Item& item, int num_frames) const;  // [T, kinds] int64
  torch::Tensor LabelClasses(int64_t clip) const;                  // [label_kinds] int64
  Item DrawItem(int64_t step, int64_t item, int64_t items_per_step);
  // For Training: by the mask rate that is drawn, or everything.
  torch::Tensor DrawTrainingMask(const BatchPlace& place, int64_t item) const;
  torch::Tensor DrawSpanMask(const SpanCountTable& table, uint64_t step, int64_t item) const;
  int DrawStage(const BatchPlace& place) const;
  absl::StatusOr<LmBatch> Assemble(const std::vector<Item>& items, int num_frames, int stage) const;
  std::vector<Item> DrawItems(const BatchPlace& place, int batch_size);
  // Sets token_ids and token_mask.
  absl::Status AddTexts(const std::vector<Item>& items, torch::Tensor& token_ids,
                        torch::Tensor& token_mask) const;

  const CodeSet& clips_;
  const T5Tokenizer& tokenizer_;
  const LmConfig& lm_;
  const LmBatchOptions options_;
  const SpanCountTable span_counts_;        // of the window
  const SpanCountTable short_span_counts_;  // of short crops
  int64_t ordered_epoch_ = -1;
  std::vector<int64_t> order_;  // of ordered_epoch_
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_LM_BATCH_H_
