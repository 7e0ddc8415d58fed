#include "tests/testing/fake_generator.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace magnet::testing {
namespace {

constexpr absl::Duration kHangs = absl::Seconds(30);

int NumFrames(const ModelConfig& config, double seconds) {
  return static_cast<int>(std::ceil(seconds * config.codec.frame_rate_hz()));
}

}  // namespace

ModelConfig FakeModelConfig(const std::string& name) {
  ModelConfig config;
  config.name = name;
  config.version = "1.2.3";
  config.description = "Not a model.";
  config.license = "MIT";
  config.lm = {.dim = 8,
               .num_heads = 2,
               .num_layers = 1,
               .ffn_dim = 32,
               .num_codebooks = 4,
               .card = 16,
               .text_dim = 8,
               .window_frames = 100,
               .span_len = 1};
  config.codec.sample_rate_hz = 16000;
  config.codec.num_filters = 2;
  config.codec.dimension = 8;
  config.codec.ratios = {8, 5, 4, 2};
  config.codec.num_codebooks = 4;
  config.codec.codebook_size = 16;
  config.text_encoder = {
      .vocab_size = 8, .d_model = 8, .d_kv = 4, .d_ff = 8, .num_layers = 1, .num_heads = 2};
  config.sampling.decoding_steps = {2, 1, 1, 1};
  return config;
}

float FakeSample(uint64_t seed, int64_t index) {
  const uint64_t mixed =
      (seed * 0x9E3779B97F4A7C15u) ^ (static_cast<uint64_t>(index) * 0xC2B2AE3D27D4EB4Fu);
  return static_cast<float>((mixed >> 40) & 0xFFFF) / 65536.0f - 0.5f;
}

void FakeControl::CloseGate() {
  absl::MutexLock lock(&mutex_);
  gated_ = true;
}

void FakeControl::Permit(int steps) {
  absl::MutexLock lock(&mutex_);
  permits_ += steps;
}

void FakeControl::OpenGate() {
  absl::MutexLock lock(&mutex_);
  gated_ = false;
}

bool FakeControl::AwaitStepCalls(int count) const {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, count] {
    mutex_.AssertReaderHeld();
    return static_cast<int>(batches_.size()) >= count;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), kHangs);
}

bool FakeControl::AwaitCount(int FakeControl::*counter, int count) const {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, counter, count] {
    mutex_.AssertReaderHeld();
    return this->*counter >= count;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), kHangs);
}

bool FakeControl::AwaitDecodeCalls(int count) const {
  return AwaitCount(&FakeControl::decode_calls_, count);
}

bool FakeControl::AwaitAudioWaits(int count) const {
  return AwaitCount(&FakeControl::audio_waits_, count);
}

bool FakeControl::AwaitDestroyed(int count) const {
  return AwaitCount(&FakeControl::destroyed_, count);
}

void FakeControl::HoldAudio() {
  absl::MutexLock lock(&mutex_);
  audio_held_ = true;
}

void FakeControl::ReleaseAudio() {
  absl::MutexLock lock(&mutex_);
  audio_held_ = false;
}

bool FakeControl::HasAudio() const {
  absl::MutexLock lock(&mutex_);
  return !audio_held_;
}

void FakeControl::AwaitAudio() {
  absl::MutexLock lock(&mutex_);
  if (audio_held_) ++audio_waits_;
  const auto there = [this] {
    mutex_.AssertReaderHeld();
    return !audio_held_;
  };
  mutex_.Await(absl::Condition(&there));
}

void FakeControl::ResetCounts() {
  absl::MutexLock lock(&mutex_);
  created_ = destroyed_ = decode_calls_ = audio_waits_ = 0;
  std::vector<std::vector<uint64_t>>().swap(batches_);  // the memory too
}

void FakeControl::ThrowOnStepCall(int call) {
  absl::MutexLock lock(&mutex_);
  throw_on_ = call;
}

void FakeControl::FailOnStepCall(int call, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  fail_on_ = call;
  call_status_ = std::move(status);
}

void FakeControl::FailSeed(uint64_t seed, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  failing_seed_ = seed;
  seed_status_ = std::move(status);
}

void FakeControl::FailBegin(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  begin_status_ = std::move(status);
}

void FakeControl::OnWork(std::function<void()> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeControl::RetainPerGeneration(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  retained_bytes_ = bytes;
}

void FakeControl::Work() {
  std::function<void()> hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = hook_;
  }
  if (hook) hook();
}

void FakeControl::SetMemoryLimit(int size) {
  absl::MutexLock lock(&mutex_);
  memory_limit_ = size;
}

int FakeControl::created() const {
  absl::MutexLock lock(&mutex_);
  return created_;
}

int FakeControl::destroyed() const {
  absl::MutexLock lock(&mutex_);
  return destroyed_;
}

int FakeControl::step_calls() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(batches_.size());
}

int FakeControl::decode_calls() const {
  absl::MutexLock lock(&mutex_);
  return decode_calls_;
}

std::vector<std::vector<uint64_t>> FakeControl::batches() const {
  absl::MutexLock lock(&mutex_);
  return batches_;
}

void FakeControl::CountCreated() {
  absl::MutexLock lock(&mutex_);
  ++created_;
  if (retained_bytes_ > 0) retained_.emplace_back(retained_bytes_, 'x');
}

void FakeControl::CountDestroyed() {
  absl::MutexLock lock(&mutex_);
  ++destroyed_;
}

void FakeControl::CountDecode() {
  absl::MutexLock lock(&mutex_);
  ++decode_calls_;
}

absl::Status FakeControl::BeginStatus() {
  absl::MutexLock lock(&mutex_);
  return begin_status_;
}

std::vector<absl::Status> FakeControl::EnterStep(const std::vector<uint64_t>& seeds) {
  absl::MutexLock lock(&mutex_);
  batches_.push_back(seeds);
  const int call = static_cast<int>(batches_.size());
  const auto permitted = [this] {
    mutex_.AssertReaderHeld();
    return !gated_ || permits_ > 0;
  };
  mutex_.Await(absl::Condition(&permitted));
  if (gated_) --permits_;
  if (call == throw_on_) throw std::runtime_error("the fake was told to throw");
  std::vector<absl::Status> statuses(seeds.size());
  if (memory_limit_ > 0 && static_cast<int>(seeds.size()) > memory_limit_) {
    std::fill(statuses.begin(), statuses.end(), absl::ResourceExhaustedError("out of memory"));
  }
  if (call == fail_on_) std::fill(statuses.begin(), statuses.end(), call_status_);
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (!seed_status_.ok() && seeds[i] == failing_seed_) statuses[i] = seed_status_;
  }
  return statuses;
}

class FakeGeneration : public Generation {
 public:
  FakeGeneration(const ModelConfig& config, const GenerationSpec& spec,
                 std::shared_ptr<FakeControl> control)
      : config_(config),
        seed_(spec.seed),
        steps_(spec.sampling.decoding_steps),
        control_(std::move(control)) {
    progress_.num_frames = NumFrames(config, spec.duration_seconds);
    progress_.num_windows =
        (progress_.num_frames + config.lm.window_frames - 1) / config.lm.window_frames;
    progress_.num_stages = config.lm.num_codebooks;
    progress_.num_steps = steps_.front();
    progress_.steps_total =
        progress_.num_windows * std::accumulate(steps_.begin(), steps_.end(), 0);
    control_->CountCreated();
  }

  ~FakeGeneration() override { control_->CountDestroyed(); }

  GenerationProgress progress() const override { return progress_; }

  int64_t next_step_rows() const override {
    return progress_.done() ? 0 : 2 * std::min(progress_.num_frames, config_.lm.window_frames);
  }

  int64_t num_samples() const override {
    return int64_t{progress_.num_frames} * config_.codec.hop_length();
  }

  std::vector<int64_t> codes() const override { return {}; }

  std::vector<TempoChange> tempos() const override { return {kFakeTempo}; }

  absl::Status SetUpcomingSections(std::vector<PromptSection>) override { return absl::OkStatus(); }

  uint64_t seed() const { return seed_; }

  void Advance() {
    ++progress_.steps_done;
    progress_.passes += 2;
    if (++progress_.step < progress_.num_steps) return;
    progress_.step = 0;
    if (++progress_.stage == progress_.num_stages) {
      progress_.stage = 0;
      ++progress_.window;
      progress_.frames_ready =
          std::min(progress_.window * config_.lm.window_frames, progress_.num_frames);
    }
    progress_.num_steps = steps_[static_cast<size_t>(progress_.stage)];
  }

  std::vector<float> Decode(int max_frames) {
    const int frames = std::min(max_frames, progress_.frames_ready - progress_.frames_decoded);
    std::vector<float> samples;
    int64_t index = int64_t{progress_.frames_decoded} * config_.codec.hop_length();
    for (int i = 0; i < frames * config_.codec.hop_length(); ++i) {
      samples.push_back(FakeSample(seed_, index++));
    }
    progress_.frames_decoded += frames;
    return samples;
  }

 private:
  const ModelConfig& config_;
  const uint64_t seed_;
  const std::vector<int> steps_;
  const std::shared_ptr<FakeControl> control_;
  GenerationProgress progress_;
};

class FakeAudio : public PendingAudio {
 public:
  FakeAudio(std::vector<float> samples, std::shared_ptr<FakeControl> control)
      : samples_(std::move(samples)), control_(std::move(control)) {}

  bool ready() const override { return control_->HasAudio(); }

  absl::StatusOr<std::vector<float>> Take() override {
    control_->AwaitAudio();
    return std::move(samples_);
  }

 private:
  std::vector<float> samples_;
  const std::shared_ptr<FakeControl> control_;
};

class FakeGenerator : public Generator {
 public:
  FakeGenerator(const std::string& name, std::shared_ptr<FakeControl> control)
      : config_(FakeModelConfig(name)), control_(std::move(control)) {}

  const ModelConfig& config() const override { return config_; }
  Arithmetic arithmetic() const override { return {"CPU", "float32"}; }

  absl::StatusOr<std::unique_ptr<Generation>> Begin(const GenerationSpec& spec) override {
    control_->Work();
    if (absl::Status status = control_->BeginStatus(); !status.ok()) return status;
    return std::make_unique<FakeGeneration>(config_, spec, control_);
  }

  std::vector<absl::Status> Step(absl::Span<Generation* const> batch) override {
    std::vector<uint64_t> seeds;
    for (Generation* generation : batch) seeds.push_back(Of(*generation).seed());
    std::vector<absl::Status> statuses = control_->EnterStep(seeds);
    control_->Work();
    for (size_t i = 0; i < batch.size(); ++i) {
      if (statuses[i].ok()) Of(*batch[i]).Advance();
    }
    return statuses;
  }

  absl::StatusOr<std::unique_ptr<PendingAudio>> StartAudio(Generation& generation,
                                                           int max_frames) override {
    control_->CountDecode();
    control_->Work();
    return std::make_unique<FakeAudio>(Of(generation).Decode(max_frames), control_);
  }

  int64_t memory_bytes() const override { return 12345; }

 private:
  static FakeGeneration& Of(Generation& generation) {
    return static_cast<FakeGeneration&>(generation);
  }

  const ModelConfig config_;
  const std::shared_ptr<FakeControl> control_;
};

std::unique_ptr<Generator> MakeFakeGenerator(const std::string& name,
                                             std::shared_ptr<FakeControl> control) {
  return std::make_unique<FakeGenerator>(name, std::move(control));
}

}  // namespace magnet::testing
