// One clip being made: its windows, its codes, its conditions and the state of
// its codec decoder.
#ifndef MAGNET_MODEL_CLIP_GENERATION_H_
#define MAGNET_MODEL_CLIP_GENERATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "model/audio_queue.h"
#include "model/condition_builder.h"
#include "model/encodec/streaming_decoder.h"
#include "model/generator.h"
#include "model/magnet/beat_track.h"
#include "model/magnet/packed_transformer.h"
#include "model/magnet/transformer.h"
#include "model/magnet/window_decoder.h"
#include "model/magnet/window_plan.h"

namespace magnet {

// What a clip is generated with. Owned by the Generator, which outlives it.
struct Engine {
  ModelConfig config;
  GenerationLimits limits;
  MagnetTransformer transformer{nullptr};
  std::unique_ptr<PackedTransformer> packed;  // over the same weights; null: a pass per clip
  EncodecModel codec{nullptr};
  std::unique_ptr<AudioQueue> audio_queue;
  std::unique_ptr<TextConditioner> text;
  std::unique_ptr<ConditionBuilder> conditions;
};

// Codes of the whole clip that are there from the start.
struct ClipCodes {
  int num_frames = 0;
  std::vector<int64_t> codes;  // [K * num_frames]; unspecified where not kept
  std::vector<bool> kept;      // [num_frames]
};

class ClipGeneration : public Generation {
 public:
  // `spec` has been validated and its texts encoded; `given` covers the clip.
  ClipGeneration(Engine* engine, GenerationSpec spec, ClipCodes given);

  GenerationProgress progress() const override;
  int64_t next_step_rows() const override;
  int64_t num_samples() const override;
  std::vector<int64_t> codes() const override { return clip_.codes; }
  std::vector<TempoChange> tempos() const override { return tempos_; }
  absl::Status SetUpcomingSections(std::vector<PromptSection> sections) override;

  // One decoding step in a pass of its own: mask, pass, sample. As Generator::Step.
  absl::Status Step();

  // The same in two halves, around a packed step. The request is valid until
  // FinishStep, and the same until then. The tokens: PackedTransformer::Step's.
  absl::StatusOr<StepRequest> PrepareStep();
  absl::Status FinishStep(const std::vector<SampledToken>& tokens);

  // As Generator::StartAudio.
  std::unique_ptr<PendingAudio> StartAudio(int max_frames);

 private:
  // Conditions that a run of windows shares.
  struct Conditions {
    std::optional<int> section;                  // index into spec_.sections; -1: before the first
    std::shared_ptr<const ConditionKv> prompts;  // null: the null condition
  };

  absl::Status BeginWindow();
  absl::StatusOr<const DecodingStep*> NextStep();
  DrawSettings DrawSettingsOf(const DecodingStep& step) const;
  absl::Status NotFinite(const DecodingStep& step) const;
  absl::Status PrepareConditions(const Window& window);
  std::optional<Beats> BeatsOf(const ConditionKv* prompts) const;
  // From `frame` on.
  void ChangeBeats(int frame, const std::optional<Beats>& beats);
  std::span<const int64_t> TicksOf(const Window& window) const;
  WindowCodes SliceClip(const Window& window) const;
  void FinishWindow();
  void SkipKeptWindows();
  int FirstGeneratedFrame(const Window& window) const;  // window.end: none
  bool HasNewFrames(const Window& window) const;
  int SectionAt(const Window& window) const;
  bool BranchesDiffer() const;
  bool IsGuided(double guidance) const;
  PassInput DescribePass(const DecodingStep& step) const;
  absl::StatusOr<std::vector<SampledToken>> SampleFrames(const DecodingStep& step,
                                                         const PassLogits& logits) const;
  torch::Tensor TakeCodes(int num_frames);

  Engine* const engine_;
  GenerationSpec spec_;
  ClipCodes clip_;
  const std::vector<Window> windows_;
  size_t window_ = 0;                     // index of the current window; windows_.size() when done
  std::optional<WindowDecoder> decoder_;  // of the current window, once begun
  Conditions conditions_;
  std::shared_ptr<const ConditionKv> negative_;
  std::optional<BeatTrack> beats_;   // where the model has beats and all frames are its own:
                                     // those of given audio are not known
  std::vector<TempoChange> tempos_;  // of beats_
  std::optional<StreamingDecoder> audio_;
  int steps_done_ = 0;
  int steps_total_ = 0;
  int64_t passes_ = 0;
  int frames_ready_ = 0;
  int frames_decoded_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CLIP_GENERATION_H_
