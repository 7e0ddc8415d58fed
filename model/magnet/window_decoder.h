// Iterative masked decoding of one window, without the transformer: what each
// step masks, and what becomes of the tokens that were sampled for it.
//
//   while (!decoder.done()) {
//     const DecodingStep& step = decoder.NextStep();
//     ... run the pass on decoder.codes(), sample step.frames ...
//     decoder.FinishStep(tokens);
//   }
//
// The rules, and where a first reading of them goes wrong, are in
// docs/numerics.md. Not thread-safe.
#ifndef MAGNET_MODEL_MAGNET_WINDOW_DECODER_H_
#define MAGNET_MODEL_MAGNET_WINDOW_DECODER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/generation_spec.h"
#include "model/magnet/sampler.h"
#include "model/model_config.h"

namespace magnet {

// What one step asks of the transformer and the sampler.
struct DecodingStep {
  int stage = 0;
  int step = 0;           // of the stage
  double guidance = 1.0;  // coefficient
  double temperature = 1.0;
  std::vector<int> frames;  // rising: to be sampled, given frames of masked blocks included
};

// Given or already final tokens of a window.
struct WindowCodes {
  int num_frames = 0;
  std::vector<int64_t> codes;  // [K * T]; unspecified where not kept
  std::vector<bool> kept;      // [T]: never masked
};

// What SpanScore::kRandom draws from, besides stage, step and span.
struct OrderSeed {
  uint64_t seed = 0;
  uint32_t window = 0;
};

class WindowDecoder {
 public:
  // In the nonoverlap arrangement num_frames must be whole spans. At least one
  // frame must not be kept.
  WindowDecoder(const LmConfig& config, const SamplingSpec& sampling, WindowCodes given,
                OrderSeed order = {});

  bool done() const { return stage_ == config_.num_codebooks; }
  int stage() const { return stage_; }
  int step() const { return step_; }
  int num_frames() const { return num_frames_; }

  // Masks for the next step and describes it; the same answer until FinishStep.
  const DecodingStep& NextStep();

  // Tokens for NextStep().frames, in that order.
  void FinishStep(std::span<const SampledToken> tokens);

  // [K * T], codebook by codebook: the input of the next pass. Codebooks after
  // the stage, and masked frames of the stage, hold the mask id.
  const std::vector<int64_t>& codes() const { return codes_; }

 private:
  void BeginStage();
  void MaskBlocks(float rate);
  void MaskSpans(float rate);
  void ApplyMask();
  void ScoreFrames(std::span<const SampledToken> tokens);
  void ScoreBlocks(std::span<const SampledToken> tokens);
  void ScoreAtRandom();
  int64_t* stage_codes() { return codes_.data() + int64_t{stage_} * num_frames_; }
  // With spans of one frame the two arrangements are the same.
  bool masks_blocks() const;
  int units_to_generate() const;

  const LmConfig config_;
  const SamplingSpec sampling_;
  const OrderSeed order_;
  const int num_frames_;
  const std::vector<int64_t> given_codes_;  // [K * T]
  const std::vector<bool> kept_;            // [T]
  std::vector<int64_t> codes_;              // [K * T]
  std::vector<bool> block_masked_;          // [T / span_len], nonoverlap
  std::vector<bool> frame_masked_;          // [T], of this step
  std::vector<float> scores_;               // per block or per frame
  DecodingStep current_;
  bool has_current_ = false;
  int stage_ = 0;
  int step_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_WINDOW_DECODER_H_
