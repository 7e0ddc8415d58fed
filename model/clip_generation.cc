#include "model/clip_generation.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/magnet/mask_schedule.h"
#include "model/magnet/span_draws.h"
#include "model/parallel.h"

namespace magnet {
namespace {

std::vector<Window> PlanClip(const ModelConfig& config, const GenerationSpec& spec,
                             int num_frames) {
  const int window_frames = WindowFrames(config.lm, spec.sampling.span_arrangement);
  return PlanWindows(num_frames, window_frames, spec.overlap, config.lm.span_len);
}

std::span<const float> Row(const torch::Tensor& logits, int64_t row) {
  if (!logits.defined()) return {};
  const size_t card = logits.size(1);
  return {logits.data_ptr<float>() + row * card, card};
}

}  // namespace

ClipGeneration::ClipGeneration(Engine* engine, GenerationSpec spec, ClipCodes given)
    : engine_(engine),
      spec_(std::move(spec)),
      clip_(std::move(given)),
      windows_(PlanClip(engine->config, spec_, clip_.num_frames)) {
  const auto& steps = spec_.sampling.decoding_steps;
  const int steps_per_window = std::accumulate(steps.begin(), steps.end(), 0);
  for (const Window& window : windows_) {
    if (HasNewFrames(window)) steps_total_ += steps_per_window;
  }
  const bool all_ours = std::find(clip_.kept.begin(), clip_.kept.end(), true) == clip_.kept.end();
  if (engine->config.lm.beats.has_value() && all_ours) {
    beats_.emplace(*engine->config.lm.beats, clip_.num_frames);
  }
  SkipKeptWindows();
}

int ClipGeneration::FirstGeneratedFrame(const Window& window) const {
  const auto begin = clip_.kept.begin();
  const auto first = std::find(begin + window.first_new_frame(), begin + window.end, false);
  return static_cast<int>(first - begin);
}

bool ClipGeneration::HasNewFrames(const Window& window) const {
  return FirstGeneratedFrame(window) < window.end;
}

void ClipGeneration::SkipKeptWindows() {
  while (window_ < windows_.size() && !HasNewFrames(windows_[window_])) {
    frames_ready_ = windows_[window_].end;
    ++window_;
  }
}

GenerationProgress ClipGeneration::progress() const {
  GenerationProgress p;
  p.num_windows = static_cast<int>(windows_.size());
  p.window = std::min(static_cast<int>(window_), p.num_windows - 1);
  p.num_stages = engine_->config.lm.num_codebooks;
  p.stage = decoder_ ? decoder_->stage() : 0;
  p.step = decoder_ ? decoder_->step() : 0;
  p.num_steps = spec_.sampling.decoding_steps[p.stage];
  p.steps_done = steps_done_;
  p.steps_total = steps_total_;
  p.passes = passes_;
  p.frames_ready = frames_ready_;
  p.frames_decoded = frames_decoded_;
  p.num_frames = clip_.num_frames;
  return p;
}

int64_t ClipGeneration::next_step_rows() const {
  if (window_ == windows_.size()) return 0;
  const GenerationProgress p = progress();
  const float rate = MaskRate(spec_.sampling.schedule, p.step, p.num_steps);
  const int branches = IsGuided(GuidanceCoefficient(p.stage, rate, spec_.sampling)) ? 2 : 1;
  return int64_t{windows_[window_].num_frames()} * branches;
}

int64_t ClipGeneration::num_samples() const {
  return int64_t{clip_.num_frames} * engine_->config.codec.hop_length();
}

absl::Status ClipGeneration::SetUpcomingSections(std::vector<PromptSection> sections) {
  GenerationSpec changed = spec_;
  changed.sections = std::move(sections);
  for (const SpecViolation& violation : FindViolations(changed, engine_->config, engine_->limits)) {
    return absl::InvalidArgumentError(absl::StrCat(violation.field, ": ", violation.description));
  }
  for (const PromptSection& section : changed.sections) {
    if (const auto status = engine_->conditions->Encode(section.prompts); !status.ok()) {
      return status;
    }
  }
  spec_.sections = std::move(changed.sections);
  conditions_.section.reset();
  return absl::OkStatus();
}

int ClipGeneration::SectionAt(const Window& window) const {
  const double seconds = FirstGeneratedFrame(window) / engine_->config.codec.frame_rate_hz();
  int holding = -1;
  for (size_t i = 0; i < spec_.sections.size(); ++i) {
    if (spec_.sections[i].start_seconds <= seconds) holding = static_cast<int>(i);
  }
  return holding;
}

absl::Status ClipGeneration::PrepareConditions(const Window& window) {
  const int section = SectionAt(window);
  if (section != conditions_.section) {
    conditions_ = {};
    if (section >= 0) {
      auto prompts = engine_->conditions->Build(spec_.sections[section].prompts);
      if (!prompts.ok()) return prompts.status();
      conditions_.prompts = *std::move(prompts);
    }
    conditions_.section = section;
    if (beats_) ChangeBeats(window.first_new_frame(), BeatsOf(conditions_.prompts.get()));
  }
  if (negative_ == nullptr && !spec_.negative_prompt.empty()) {
    auto negative = engine_->conditions->Build({{spec_.negative_prompt, 1.0}});
    if (!negative.ok()) return negative.status();
    negative_ = *std::move(negative);
  }
  return absl::OkStatus();
}

std::optional<Beats> ClipGeneration::BeatsOf(const ConditionKv* prompts) const {
  std::optional<Beats> beats = prompts != nullptr ? prompts->beats : std::nullopt;
  if (spec_.tempo_bpm == 0) return beats;
  const BeatConfig& config = *engine_->config.lm.beats;
  const int beats_per_bar = std::min(4, config.max_beats_per_bar);
  return Beats{
      .frames_per_beat =
          config.FramesPerBeat(spec_.tempo_bpm, engine_->config.codec.frame_rate_hz()).value(),
      .beats_per_bar = beats.has_value() ? beats->beats_per_bar : beats_per_bar};
}

void ClipGeneration::ChangeBeats(int frame, const std::optional<Beats>& beats) {
  beats_->Change(frame, beats);
  const double frame_rate_hz = engine_->config.codec.frame_rate_hz();
  TempoChange change;
  if (beats.has_value()) {
    change.bpm = 60 * frame_rate_hz / beats->frames_per_beat;
    change.beats_per_bar = beats->beats_per_bar;
  }
  const TempoChange last = tempos_.empty() ? TempoChange() : tempos_.back();
  change.start_seconds = last.start_seconds;
  if (change == last) return;
  change.start_seconds = frame / frame_rate_hz;
  tempos_.push_back(change);
}

std::span<const int64_t> ClipGeneration::TicksOf(const Window& window) const {
  if (!beats_) return {};
  return beats_->ticks().subspan(window.start, window.num_frames());
}

WindowCodes ClipGeneration::SliceClip(const Window& window) const {
  WindowCodes slice;
  slice.num_frames = window.num_frames();
  for (int k = 0; k < engine_->config.lm.num_codebooks; ++k) {
    const auto codebook = clip_.codes.begin() + int64_t{k} * clip_.num_frames;
    slice.codes.insert(slice.codes.end(), codebook + window.start, codebook + window.end);
  }
  slice.kept.assign(clip_.kept.begin() + window.start, clip_.kept.begin() + window.end);
  std::fill_n(slice.kept.begin(), window.overlap, true);
  return slice;
}

absl::Status ClipGeneration::BeginWindow() {
  const Window& window = windows_[window_];
  if (const absl::Status status = PrepareConditions(window); !status.ok()) return status;
  decoder_.emplace(engine_->config.lm, spec_.sampling, SliceClip(window),
                   OrderSeed{spec_.seed, static_cast<uint32_t>(window_)});
  return absl::OkStatus();
}

// The spec's sections may have changed since the running window began.
bool ClipGeneration::BranchesDiffer() const {
  if (decoder_) return conditions_.prompts != negative_;
  const int section = SectionAt(windows_[window_]);
  const bool prompted = section >= 0 && !AllEmpty(spec_.sections[section].prompts);
  return prompted || !spec_.negative_prompt.empty();
}

bool ClipGeneration::IsGuided(double guidance) const {
  return BranchesDiffer() && !GuidanceIsNeutral(guidance);
}

PassInput ClipGeneration::DescribePass(const DecodingStep& step) const {
  PassInput pass;
  const std::vector<int64_t>& codes = decoder_->codes();
  pass.codes = torch::tensor(codes).view({-1, decoder_->num_frames()});
  const std::span<const int64_t> ticks = TicksOf(windows_[window_]);
  if (!ticks.empty()) pass.ticks = torch::tensor(at::ArrayRef<int64_t>(ticks.data(), ticks.size()));
  pass.stage = step.stage;
  pass.frames = torch::tensor(std::vector<int64_t>(step.frames.begin(), step.frames.end()));
  pass.condition = conditions_.prompts.get();
  pass.negative = negative_.get();
  pass.guided = IsGuided(step.guidance);
  return pass;
}

DrawSettings ClipGeneration::DrawSettingsOf(const DecodingStep& step) const {
  const SamplingSpec& s = spec_.sampling;
  return {
      {s.greedy, step.guidance, step.temperature, s.top_p, s.top_k, spec_.seed, s.neighbour_weight},
      {static_cast<uint32_t>(window_), static_cast<uint32_t>(step.stage),
       static_cast<uint32_t>(step.step), /*frame=*/0}};
}

absl::Status ClipGeneration::NotFinite(const DecodingStep& step) const {
  return absl::InternalError(absl::StrCat("the logits of window ", window_, ", stage ", step.stage,
                                          ", step ", step.step, " are not finite"));
}

absl::StatusOr<std::vector<SampledToken>> ClipGeneration::SampleFrames(
    const DecodingStep& step, const PassLogits& logits) const {
  const DrawSettings draw = DrawSettingsOf(step);
  const LmConfig& lm = engine_->config.lm;
  const std::vector<int> before =
      BeforeInSpan(lm, step.stage, draw.sampling.neighbour_weight, step.frames);
  const torch::Tensor after = step.stage < lm.neighbour_tables
                                  ? engine_->transformer->neighbours()[step.stage]
                                  : torch::Tensor();
  const auto count = static_cast<int64_t>(step.frames.size());
  std::vector<SampledToken> tokens(count);
  std::atomic<bool> finite = true;
  ParallelFor(count, /*grain=*/16, [&](int64_t begin, int64_t end) {
    // A span is drawn by the thread that has its first frame.
    while (begin < count && before[begin] >= 0) ++begin;
    while (end < count && before[end] >= 0) ++end;
    RowSampler sampler(draw.sampling, lm.card);
    for (int64_t row = begin; row < end; ++row) {
      DrawPosition position = draw.position;
      position.frame = static_cast<uint32_t>(step.frames[row]);
      const int token_before = before[row] < 0 ? -1 : tokens[before[row]].token;
      const auto token =
          sampler.Sample(Row(logits.cond, row), Row(logits.uncond, row), position,
                         token_before < 0 ? std::span<const float>() : Row(after, token_before));
      tokens[row] = token.value_or(SampledToken{/*token=*/-1, /*probability=*/0});
      if (!token) finite.store(false);
    }
  });
  if (!finite) return NotFinite(step);
  return tokens;
}

absl::StatusOr<const DecodingStep*> ClipGeneration::NextStep() {
  if (!decoder_) {
    if (const absl::Status status = BeginWindow(); !status.ok()) return status;
  }
  return &decoder_->NextStep();
}

absl::Status ClipGeneration::Step() {
  const auto step = NextStep();
  if (!step.ok()) return step.status();
  const PassLogits logits = engine_->transformer->Pass(DescribePass(**step));
  const auto tokens = SampleFrames(**step, logits);
  return tokens.ok() ? FinishStep(*tokens) : tokens.status();
}

absl::StatusOr<StepRequest> ClipGeneration::PrepareStep() {
  const auto step = NextStep();
  if (!step.ok()) return step.status();
  return StepRequest{.codes = decoder_->codes(),
                     .ticks = TicksOf(windows_[window_]),
                     .num_frames = decoder_->num_frames(),
                     .stage = (*step)->stage,
                     .frames = (*step)->frames,
                     .condition = TextSpanOf(conditions_.prompts.get()),
                     .guided = IsGuided((*step)->guidance),
                     .negative = TextSpanOf(negative_.get()),
                     .draw = DrawSettingsOf(**step)};
}

absl::Status ClipGeneration::FinishStep(const std::vector<SampledToken>& tokens) {
  const DecodingStep& step = decoder_->NextStep();
  if (std::any_of(tokens.begin(), tokens.end(), [](const auto& t) { return t.token < 0; })) {
    return NotFinite(step);
  }
  passes_ += IsGuided(step.guidance) ? 2 : 1;
  decoder_->FinishStep(tokens);
  ++steps_done_;
  if (decoder_->done()) FinishWindow();
  return absl::OkStatus();
}

void ClipGeneration::FinishWindow() {
  const Window& window = windows_[window_];
  const std::vector<int64_t>& codes = decoder_->codes();
  for (int k = 0; k < engine_->config.lm.num_codebooks; ++k) {
    std::copy_n(codes.begin() + int64_t{k} * window.num_frames(), window.num_frames(),
                clip_.codes.begin() + int64_t{k} * clip_.num_frames + window.start);
  }
  frames_ready_ = window.end;
  decoder_.reset();
  ++window_;
  SkipKeptWindows();
}

// The next codes to decode, [K, num_frames], on the CPU.
torch::Tensor ClipGeneration::TakeCodes(int num_frames) {
  const torch::Tensor codes =
      torch::from_blob(clip_.codes.data(), {engine_->config.lm.num_codebooks, clip_.num_frames},
                       torch::kLong)
          .narrow(1, frames_decoded_, num_frames)
          .clone(torch::MemoryFormat::Contiguous);
  frames_decoded_ += num_frames;
  return codes;
}

std::unique_ptr<PendingAudio> ClipGeneration::StartAudio(int max_frames) {
  const int count = std::min(max_frames, frames_ready_ - frames_decoded_);
  if (count <= 0) return AudioQueue::None();
  if (!audio_) audio_.emplace(engine_->codec);
  const bool last = frames_decoded_ + count == clip_.num_frames;
  return engine_->audio_queue->Run(TakeCodes(count), [this, last](const torch::Tensor& codes) {
    return audio_->Push(codes, last);
  });
}

}  // namespace magnet
