// A listener that keeps what the scheduler says.
#ifndef MAGNET_TESTS_SERVER_RECORDING_LISTENER_H_
#define MAGNET_TESTS_SERVER_RECORDING_LISTENER_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "server/job.h"

namespace magnet::testing {

// Thread-safe.
class RecordingListener : public JobListener {
 public:
  void OnStarted(const JobStarted& started) override {
    absl::MutexLock lock(&mutex_);
    started_ = true;
  }
  void OnProgress(const GenerationProgress&, double) override {
    absl::MutexLock lock(&mutex_);
    ++progress_calls_;
  }
  absl::Status OnAudio(std::vector<float> samples) override {
    if (on_audio_) on_audio_();
    absl::MutexLock lock(&mutex_);
    samples_.insert(samples_.end(), samples.begin(), samples.end());
    if (static_cast<int64_t>(samples_.size()) >= room_) has_room_ = false;
    return absl::OkStatus();
  }
  void OnFinished(const JobReport& report) override {
    if (on_finished_) on_finished_();
    absl::MutexLock lock(&mutex_);
    ++finished_calls_;
    report_ = report;
  }
  bool HasRoom() const override { return has_room_; }

  // Called before the samples are taken, on the model thread. Set before Submit.
  void CallOnAudio(std::function<void()> on_audio) { on_audio_ = std::move(on_audio); }

  // Called before the end is noted, on the thread that reports it. Set before Submit.
  void CallOnFinished(std::function<void()> on_finished) { on_finished_ = std::move(on_finished); }

  // Room for so many samples, then none until GiveRoom.
  void LimitRoom(int64_t samples) { room_ = samples; }
  void GiveRoom() {
    room_ = std::numeric_limits<int64_t>::max();
    has_room_ = true;
  }

  JobReport Await() {
    absl::MutexLock lock(&mutex_);
    const auto done = [this] { return finished_calls_ > 0; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&done), absl::Seconds(30)))
        << "the job never ended";
    EXPECT_EQ(finished_calls_, 1) << "the end was reported more than once";
    return report_;
  }
  bool started() {
    absl::MutexLock lock(&mutex_);
    return started_;
  }
  std::vector<float> samples() {
    absl::MutexLock lock(&mutex_);
    return samples_;
  }
  int progress_calls() {
    absl::MutexLock lock(&mutex_);
    return progress_calls_;
  }

 private:
  absl::Mutex mutex_;
  bool started_ = false;
  int progress_calls_ = 0;
  int finished_calls_ = 0;
  JobReport report_;
  std::vector<float> samples_;
  std::function<void()> on_audio_;
  std::function<void()> on_finished_;
  std::atomic<int64_t> room_ = std::numeric_limits<int64_t>::max();
  std::atomic<bool> has_room_ = true;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_SERVER_RECORDING_LISTENER_H_
