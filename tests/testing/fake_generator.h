// An engine without a model, for tests of what drives one. Its steps wait for
// permits, fail when told to and are counted, so that tests can stop the world at
// an exact point and count exactly.
#ifndef MAGNET_TESTS_TESTING_FAKE_GENERATOR_H_
#define MAGNET_TESTS_TESTING_FAKE_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "model/generator.h"

namespace magnet::testing {

// A model of 4 codebooks at 16 kHz, 50 frames per second and windows of 2 s.
ModelConfig FakeModelConfig(const std::string& name);

// What every clip reports.
inline constexpr TempoChange kFakeTempo{.start_seconds = 0.5, .bpm = 96, .beats_per_bar = 3};

// The sample that a clip of `seed` has at `index`: what arrives can be checked
// without any state.
float FakeSample(uint64_t seed, int64_t index);

// What the fake does and what it has seen; shared by a test and the fake, and by
// several fakes when a test wants to. Thread-safe.
class FakeControl {
 public:
  // Steps need permits from now on; without them Step blocks. Open by default.
  void CloseGate();
  void Permit(int steps);
  void OpenGate();

  // Blocks until so many calls of Step have been entered since construction.
  // False after 30 s: the test hangs, say so.
  [[nodiscard]] bool AwaitStepCalls(int count) const;
  [[nodiscard]] bool AwaitDecodeCalls(int count) const;
  // Calls of PendingAudio::Take that wait for ReleaseAudio.
  [[nodiscard]] bool AwaitAudioWaits(int count) const;
  [[nodiscard]] bool AwaitDestroyed(int count) const;

  // Forgets all counts, so that a warm-up does not show in them.
  void ResetCounts();

  // Call number `call` of Step (from 1) throws, or fails with `status` for the
  // whole batch, or only for the generation of `seed`.
  void ThrowOnStepCall(int call);
  void FailOnStepCall(int call, absl::Status status);
  void FailSeed(uint64_t seed, absl::Status status);
  void FailBegin(absl::Status status);

  // Audio that is begun is not there before ReleaseAudio, as on a GPU.
  void HoldAudio();
  void ReleaseAudio();

  // `hook` is called inside every Begin, Step and StartAudio, on the thread that calls them.
  void OnWork(std::function<void()> hook);

  // A leak: so many bytes are kept for every generation that is begun.
  void RetainPerGeneration(size_t bytes);

  // RESOURCE_EXHAUSTED for batches of more than `size`; 0: never.
  void SetMemoryLimit(int size);

  int created() const;
  int destroyed() const;
  int step_calls() const;
  int decode_calls() const;
  // Seeds of every batch, in order of the calls.
  std::vector<std::vector<uint64_t>> batches() const;

 private:
  friend class FakeGenerator;
  friend class FakeGeneration;
  friend class FakeAudio;

  bool AwaitCount(int FakeControl::*counter, int count) const;
  void CountCreated();
  void CountDestroyed();
  // Waits for a permit; returns the status of each generation of the batch.
  std::vector<absl::Status> EnterStep(const std::vector<uint64_t>& seeds);
  void CountDecode();
  bool HasAudio() const;
  void AwaitAudio();
  absl::Status BeginStatus();
  void Work();

  mutable absl::Mutex mutex_;
  bool gated_ ABSL_GUARDED_BY(mutex_) = false;
  bool audio_held_ ABSL_GUARDED_BY(mutex_) = false;
  int permits_ ABSL_GUARDED_BY(mutex_) = 0;
  int created_ ABSL_GUARDED_BY(mutex_) = 0;
  int destroyed_ ABSL_GUARDED_BY(mutex_) = 0;
  int decode_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int audio_waits_ ABSL_GUARDED_BY(mutex_) = 0;
  int throw_on_ ABSL_GUARDED_BY(mutex_) = 0;
  int fail_on_ ABSL_GUARDED_BY(mutex_) = 0;
  int memory_limit_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t failing_seed_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t retained_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> retained_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> hook_ ABSL_GUARDED_BY(mutex_);
  absl::Status call_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status seed_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status begin_status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<uint64_t>> batches_ ABSL_GUARDED_BY(mutex_);
};

// Each clip is made of windows of `FakeModelConfig`, each of
// sampling.decoding_steps steps; every step counts as two passes. Audio of a window
// is ready when the window is. Durations are not checked.
std::unique_ptr<Generator> MakeFakeGenerator(const std::string& name,
                                             std::shared_ptr<FakeControl> control);

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_TESTING_FAKE_GENERATOR_H_
