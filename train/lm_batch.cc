#include "train/lm_batch.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "train/annotations.h"

namespace magnet {
namespace {

// A step that no training reaches: validation draws from it.
constexpr uint64_t kValidationStep = uint64_t{1} << 54;

}  // namespace

LmBatchMaker::LmBatchMaker(const CodeSet& clips, const T5Tokenizer& tokenizer, const LmConfig& lm,
                           LmBatchOptions options)
    : clips_(clips),
      tokenizer_(tokenizer),
      lm_(lm),
      options_(std::move(options)),
      span_counts_(lm.window_frames, lm.span_len),
      short_span_counts_(
          options_.short_crops.frames > 0 ? options_.short_crops.frames : lm.window_frames,
          lm.span_len) {}

const SpanCountTable& LmBatchMaker::SpanCounts(int64_t step) const {
  return step < options_.short_crops.steps ? short_span_counts_ : span_counts_;
}

absl::StatusOr<LmBatch> LmBatchMaker::Training(const BatchPlace& place, int batch_size) {
  std::vector<Item> items = DrawItems(place, batch_size);
  for (int i = 0; i < batch_size; ++i) {
    items[i].span_mask = DrawTrainingMask(place, place.first_item + i);
  }
  return Assemble(items, NumFrames(place.step), DrawStage(place));
}

absl::StatusOr<TextBatch> LmBatchMaker::Texts(const BatchPlace& place, int batch_size) {
  const std::vector<Item> items = DrawItems(place, batch_size);
  TextBatch batch;
  batch.code_shares = torch::zeros({batch_size, lm_.num_codebooks, lm_.card});
  std::vector<torch::Tensor> labels, beat_labels;
  for (int i = 0; i < batch_size; ++i) {
    const int64_t clip = items[i].clip, num_frames = clips_.num_frames(clip);
    const torch::Tensor share =
        torch::full({}, 1.0 / num_frames).expand({lm_.num_codebooks, num_frames});
    batch.code_shares[i].scatter_add_(1, clips_.Codes(clip, 0, num_frames), share);
    labels.push_back(torch::cat({ClipLabels(clips_.row(clip)), LabelClasses(clip)}));
    if (lm_.beats.has_value()) beat_labels.push_back(BeatLabelsOf(items[i]));
    batch.locations.push_back(clips_.row(clip).location);
  }
  if (!beat_labels.empty()) batch.beat_labels = torch::stack(beat_labels);
  batch.clip_labels = torch::stack(labels);
  if (absl::Status status = AddTexts(items, batch.token_ids, batch.token_mask); !status.ok()) {
    return status;
  }
  return batch;
}

std::vector<LmBatchMaker::Item> LmBatchMaker::DrawItems(const BatchPlace& place, int batch_size) {
  std::vector<Item> items;
  for (int i = 0; i < batch_size; ++i) {
    items.push_back(DrawItem(place.step, place.first_item + i, place.items_per_step));
  }
  return items;
}

absl::StatusOr<LmBatch> LmBatchMaker::Validation(int64_t first, int64_t count, int stage) const {
  std::vector<Item> items;
  for (int64_t clip = first; clip < first + count; ++clip) {
    items.push_back({.clip = clip,
                     .caption = clips_.row(clip).main_caption,
                     .span_mask = DrawSpanMask(span_counts_, kValidationStep, clip)});
  }
  return Assemble(items, lm_.window_frames, stage);
}

LmBatchMaker::Item LmBatchMaker::DrawItem(int64_t step, int64_t item, int64_t items_per_step) {
  const int64_t used = step * items_per_step + item;
  const int64_t epoch = used / clips_.size();
  if (epoch != ordered_epoch_) {
    DrawStream draws(options_.seed, DrawPurpose::kShuffle, static_cast<uint64_t>(epoch), 0);
    order_ = draws.Permutation(clips_.size());
    ordered_epoch_ = epoch;
  }
  const auto draw = [&](DrawPurpose purpose) {
    return DrawStream(options_.seed, purpose, static_cast<uint64_t>(step),
                      static_cast<uint32_t>(item));
  };
  Item drawn;
  drawn.clip = order_[used % clips_.size()];
  PlaceCrop(step, draw(DrawPurpose::kCrop), drawn);
  const CaptionOptions caption{options_.captions.choice, options_.captions.control_chance,
                               draw(DrawPurpose::kCaption).Bits()};
  drawn.caption = CaptionOf(clips_.row(drawn.clip), caption, static_cast<uint64_t>(epoch));
  drawn.is_null = draw(DrawPurpose::kCondition).Uniform() < options_.condition_dropout;
  drawn.knows_beats = draw(DrawPurpose::kBeats).Uniform() >= options_.beat_dropout;
  return drawn;
}

// A window somewhere in the clip, and the crop somewhere in the window: its frames keep
// the positions they have there.
void LmBatchMaker::PlaceCrop(int64_t step, DrawStream draws, Item& item) const {
  const int64_t num_frames = clips_.num_frames(item.clip);
  const int64_t window = std::min<int64_t>(lm_.window_frames, num_frames);
  const int64_t slack = std::max<int64_t>(window - NumFrames(step), 0);
  item.first_frame = draws.Below(slack + 1);
  item.begin = item.first_frame + draws.Below(num_frames - window + 1);
}

int64_t LmBatchMaker::FramesInClip(const Item& item, int num_frames) const {
  return std::min<int64_t>(num_frames, clips_.num_frames(item.clip) - item.begin);
}

torch::Tensor LmBatchMaker::TicksOf(const Item& item, int num_frames) const {
  const int64_t unknown = lm_.beats->no_tick_id();
  if (!item.knows_beats) return torch::full({num_frames}, unknown, torch::kLong);
  const int64_t count = FramesInClip(item, num_frames);
  const torch::Tensor ticks =
      Ticks(clips_.row(item.clip), *lm_.beats, clips_.info().frame_rate_hz, item.begin, count);
  return torch::constant_pad_nd(ticks, {0, num_frames - count}, unknown);
}

torch::Tensor LmBatchMaker::BeatLabelsOf(const Item& item) const {
  return BeatLabels(clips_.row(item.clip), *lm_.beats, clips_.info().frame_rate_hz);
}

void LmBatchMaker::AddBeats(const std::vector<Item>& items, int num_frames, LmBatch& batch) const {
  std::vector<torch::Tensor> ticks, labels;
  for (const Item& item : items) {
    ticks.push_back(TicksOf(item, num_frames));
    labels.push_back(BeatLabelsOf(item));
    if (item.is_null) labels.back().fill_(kUnlabelled);
  }
  batch.ticks = torch::stack(ticks);
  batch.beat_labels = torch::stack(labels);
  batch.num_beat_labels = batch.beat_labels.ne(kUnlabelled).sum().item<int64_t>();
}

torch::Tensor LmBatchMaker::LabelsOf(const Item& item, int num_frames) const {
  const int64_t count = FramesInClip(item, num_frames);
  const torch::Tensor labels =
      FrameLabels(clips_.row(item.clip), clips_.info().frame_rate_hz, item.begin, count);
  const torch::Tensor of_clip = LabelClasses(item.clip).unsqueeze(1).expand({-1, count});
  return torch::constant_pad_nd(torch::cat({labels, of_clip}), {0, num_frames - count}, kUnlabelled)
      .t();
}

torch::Tensor LmBatchMaker::LabelClasses(int64_t clip) const {
  std::vector<int64_t> classes;
  for (const LabelKind& kind : options_.label_kinds) {
    classes.push_back(LabelClass(kind, clips_.row(clip)));
  }
  return torch::tensor(classes, torch::kLong);
}

torch::Tensor LmBatchMaker::DrawTrainingMask(const BatchPlace& place, int64_t item) const {
  const auto step = static_cast<uint64_t>(place.step);
  DrawStream draws(options_.seed, DrawPurpose::kFullMask, step, static_cast<uint32_t>(item));
  if (draws.Uniform() >= options_.full_mask_chance) {
    return DrawSpanMask(SpanCounts(place.step), step, item);
  }
  return torch::ones({NumFrames(place.step)}, torch::kBool);
}

torch::Tensor LmBatchMaker::DrawSpanMask(const SpanCountTable& table, uint64_t step,
                                         int64_t item) const {
  DrawStream draws(options_.seed, DrawPurpose::kMask, step, static_cast<uint32_t>(item));
  const double rate = DrawMaskRate(draws);
  const torch::Tensor starts = DrawStarts(table, rate, draws);
  return MaskFromStarts(starts.unsqueeze(0), lm_.span_len).squeeze(0);
}

int LmBatchMaker::DrawStage(const BatchPlace& place) const {
  DrawStream draws(options_.seed, DrawPurpose::kStage, static_cast<uint64_t>(place.step),
                   static_cast<uint32_t>(place.pass));
  std::vector<int> weights = options_.stage_weights;
  if (weights.empty()) weights.assign(lm_.num_codebooks, 1);
  int64_t ticket = draws.Below(std::accumulate(weights.begin(), weights.end(), int64_t{0}));
  int stage = 0;
  while (ticket >= weights[stage]) ticket -= weights[stage++];
  return stage;
}

absl::StatusOr<LmBatch> LmBatchMaker::Assemble(const std::vector<Item>& items, int num_frames,
                                               int stage) const {
  const auto batch_size = static_cast<int64_t>(items.size());
  LmBatch batch;
  batch.stage = stage;
  batch.input =
      torch::full({batch_size, lm_.num_codebooks, num_frames}, lm_.mask_token_id(), torch::kLong);
  batch.targets = torch::zeros({batch_size, num_frames}, torch::kLong);
  batch.loss_mask = torch::zeros({batch_size, num_frames}, torch::kBool);
  for (int64_t i = 0; i < batch_size; ++i) {
    const Item& item = items[i];
    const int64_t count = FramesInClip(item, num_frames);
    const torch::Tensor codes = clips_.Codes(item.clip, item.begin, count);  // [K', count]
    const torch::Tensor masked = item.span_mask.narrow(0, 0, count);
    batch.input[i].narrow(1, 0, count).narrow(0, 0, stage).copy_(codes.narrow(0, 0, stage));
    batch.input[i][stage]
        .narrow(0, 0, count)
        .copy_(codes[stage].masked_fill(masked, lm_.mask_token_id()));
    batch.targets[i].narrow(0, 0, count).copy_(codes[stage]);
    batch.loss_mask[i].narrow(0, 0, count).copy_(masked);
    batch.locations.push_back(clips_.row(item.clip).location);
  }
  batch.num_masked = batch.loss_mask.sum().item<int64_t>();
  batch.is_null = torch::zeros({batch_size}, torch::kBool);
  batch.first_frames = torch::zeros({batch_size}, torch::kLong);
  std::vector<torch::Tensor> labels;
  for (int64_t i = 0; i < batch_size; ++i) {
    batch.is_null[i] = items[i].is_null;
    batch.first_frames[i] = items[i].first_frame;
    if (options_.with_labels && stage == 0) labels.push_back(LabelsOf(items[i], num_frames));
  }
  if (!labels.empty()) {
    batch.frame_labels = torch::stack(labels);
    batch.num_labels = batch.frame_labels.ne(kUnlabelled).sum().item<int64_t>();
  }
  if (lm_.beats.has_value()) AddBeats(items, num_frames, batch);
  if (absl::Status status = AddTexts(items, batch.token_ids, batch.token_mask); !status.ok()) {
    return status;
  }
  return batch;
}

absl::Status LmBatchMaker::AddTexts(const std::vector<Item>& items, torch::Tensor& token_ids,
                                    torch::Tensor& token_mask) const {
  std::vector<std::vector<int64_t>> texts;
  size_t longest = 1;
  for (const Item& item : items) {
    absl::StatusOr<std::vector<int64_t>> ids = tokenizer_.Encode(item.caption);
    if (!ids.ok()) return ids.status();
    if (static_cast<int>(ids->size()) > options_.max_text_tokens) {
      const int64_t end = ids->back();
      ids->resize(options_.max_text_tokens);
      ids->back() = end;
    }
    longest = std::max(longest, ids->size());
    texts.push_back(*std::move(ids));
  }
  const auto batch_size = static_cast<int64_t>(items.size());
  token_ids = torch::zeros({batch_size, static_cast<int64_t>(longest)}, torch::kLong);
  token_mask = torch::zeros({batch_size, static_cast<int64_t>(longest)}, torch::kBool);
  for (int64_t i = 0; i < batch_size; ++i) {
    const auto length = static_cast<int64_t>(texts[i].size());
    token_ids[i].narrow(0, 0, length).copy_(torch::tensor(texts[i], torch::kLong));
    token_mask[i].narrow(0, 0, length).fill_(true);
  }
  return absl::OkStatus();
}

}  // namespace magnet
