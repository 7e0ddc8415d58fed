#include "model/magnet/window_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/magnet/mask_schedule.h"
#include "model/magnet/philox.h"
#include "model/magnet/span_masking.h"

namespace magnet {

WindowDecoder::WindowDecoder(const LmConfig& config, const SamplingSpec& sampling,
                             WindowCodes given, OrderSeed order)
    : config_(config),
      sampling_(sampling),
      order_(order),
      num_frames_(given.num_frames),
      given_codes_(std::move(given.codes)),
      kept_(std::move(given.kept)),
      codes_(int64_t{config.num_codebooks} * given.num_frames, config.mask_token_id()),
      frame_masked_(given.num_frames, false) {
  for (size_t i = 0; i < codes_.size(); ++i) {
    if (kept_[i % num_frames_]) codes_[i] = given_codes_[i];
  }
  BeginStage();
}

bool WindowDecoder::masks_blocks() const {
  return config_.span_len > 1 && sampling_.span_arrangement == SpanArrangement::kNonoverlap;
}

void WindowDecoder::BeginStage() {
  step_ = 0;
  if (!masks_blocks()) {
    scores_.assign(num_frames_, 0.0f);
    for (int t = 0; t < num_frames_; ++t) {
      if (kept_[t]) scores_[t] = kNeverMask;
    }
    return;
  }
  scores_.assign(num_frames_ / config_.span_len, 0.0f);
  for (size_t block = 0; block < scores_.size(); ++block) {
    const auto first = kept_.begin() + block * config_.span_len;
    if (std::all_of(first, first + config_.span_len, [](bool kept) { return kept; })) {
      scores_[block] = kNeverMask;
    }
  }
}

int WindowDecoder::units_to_generate() const {
  if (!masks_blocks()) {
    return static_cast<int>(std::count(kept_.begin(), kept_.end(), false));
  }
  int blocks = 0;
  for (int first = 0; first < num_frames_; first += config_.span_len) {
    const auto begin = kept_.begin() + first;
    blocks += std::any_of(begin, begin + config_.span_len, [](bool kept) { return !kept; });
  }
  return blocks;
}

void WindowDecoder::MaskBlocks(float rate) {
  block_masked_ = MaskWorstBlocks(scores_, MaskedCount(rate, units_to_generate()));
  for (int t = 0; t < num_frames_; ++t) frame_masked_[t] = block_masked_[t / config_.span_len];
}

void WindowDecoder::MaskSpans(float rate) {
  const int num_masked = MaskedCount(rate, units_to_generate());
  frame_masked_ = config_.span_len > 1 ? MaskWorstSpans(scores_, num_masked, config_.span_len)
                                       : MaskWorstBlocks(scores_, num_masked);
}

// Tokens that no step has set yet are the mask id too and are sampled as well,
// whether or not this step's spans cover them.
void WindowDecoder::ApplyMask() {
  int64_t* const tokens = stage_codes();
  const int64_t* const given = given_codes_.data() + int64_t{stage_} * num_frames_;
  current_.frames.clear();
  for (int t = 0; t < num_frames_; ++t) {
    if (frame_masked_[t]) tokens[t] = config_.mask_token_id();
    if (kept_[t]) tokens[t] = given[t];
    const bool scored_with_block = masks_blocks() && frame_masked_[t];
    if (scored_with_block || tokens[t] == config_.mask_token_id()) current_.frames.push_back(t);
  }
}

const DecodingStep& WindowDecoder::NextStep() {
  if (has_current_) return current_;
  const int num_steps = sampling_.decoding_steps[stage_];
  const float rate = MaskRate(sampling_.schedule, step_, num_steps);
  masks_blocks() ? MaskBlocks(rate) : MaskSpans(rate);
  current_.stage = stage_;
  current_.step = step_;
  current_.guidance = GuidanceCoefficient(stage_, rate, sampling_);
  current_.temperature = StepTemperature(sampling_, stage_, step_, num_steps);
  ApplyMask();
  has_current_ = true;
  return current_;
}

void WindowDecoder::ScoreFrames(std::span<const SampledToken> tokens) {
  std::fill(scores_.begin(), scores_.end(), kNeverMask);
  for (size_t i = 0; i < tokens.size(); ++i) {
    scores_[current_.frames[i]] = -std::log(tokens[i].probability);
  }
}

void WindowDecoder::ScoreBlocks(std::span<const SampledToken> tokens) {
  const bool by_max = sampling_.span_score == SpanScore::kMax;
  std::vector<float> gathered(scores_.size(), 0.0f);
  for (size_t i = 0; i < tokens.size(); ++i) {
    float& block = gathered[current_.frames[i] / config_.span_len];
    const float probability = tokens[i].probability;
    block = by_max ? std::max(block, probability) : block - std::log(probability);
  }
  for (size_t b = 0; b < scores_.size(); ++b) {
    scores_[b] = !block_masked_[b] ? kNeverMask : by_max ? 1.0f - gathered[b] : gathered[b];
  }
}

void WindowDecoder::ScoreAtRandom() {
  // The sampler's draws at a place count up from 0 and stay far below.
  constexpr uint32_t kOrderDraw = 0xffff'ffff;
  std::fill(scores_.begin(), scores_.end(), kNeverMask);
  for (const int frame : current_.frames) {
    const int unit = masks_blocks() ? frame / config_.span_len : frame;
    const DrawPosition position{order_.window, static_cast<uint32_t>(stage_),
                                static_cast<uint32_t>(step_), static_cast<uint32_t>(unit)};
    scores_[unit] = static_cast<float>(UniformAt(order_.seed, position, kOrderDraw));
  }
}

void WindowDecoder::FinishStep(std::span<const SampledToken> tokens) {
  int64_t* const codes = stage_codes();
  for (size_t i = 0; i < tokens.size(); ++i) {
    int64_t& code = codes[current_.frames[i]];
    if (code == config_.mask_token_id()) code = tokens[i].token;
  }
  if (sampling_.span_score == SpanScore::kRandom) {
    ScoreAtRandom();
  } else {
    masks_blocks() ? ScoreBlocks(tokens) : ScoreFrames(tokens);
  }
  has_current_ = false;
  if (++step_ < sampling_.decoding_steps[stage_]) return;
  if (++stage_ < config_.num_codebooks) BeginStage();
}

}  // namespace magnet
