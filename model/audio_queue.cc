#include "model/audio_queue.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>
#include <vector>

#include "model/torch_errors.h"

namespace magnet {
namespace {

std::vector<float> ToVector(const torch::Tensor& samples) {
  const auto* const first = samples.data_ptr<float>();
  return std::vector<float>(first, first + samples.numel());
}

class AudioAtHand : public PendingAudio {
 public:
  explicit AudioAtHand(std::vector<float> samples) : samples_(std::move(samples)) {}

  bool ready() const override { return true; }
  absl::StatusOr<std::vector<float>> Take() override { return std::move(samples_); }

 private:
  std::vector<float> samples_;
};

class AudioOnItsWay : public PendingAudio {
 public:
  // `samples` [n] on the CPU are there when `stream` has come so far.
  AudioOnItsWay(torch::Tensor samples, const c10::Stream& stream)
      : samples_(std::move(samples)), arrival_(stream.device_type()) {
    arrival_.record(stream);
  }

  // What fails here, Take says.
  bool ready() const override {
    bool ready = true;
    CatchTorchErrors("decoding audio", [&] {
      ready = arrival_.query();
      return absl::OkStatus();
    }).IgnoreError();
    return ready;
  }

  absl::StatusOr<std::vector<float>> Take() override {
    const absl::Status status = CatchTorchErrors("decoding audio", [&] {
      arrival_.synchronize();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return ToVector(samples_);
  }

 private:
  const torch::Tensor samples_;
  c10::Event arrival_;
};

}  // namespace

AudioQueue::AudioQueue(torch::Device device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl devices(device.type());
  stream_ = devices.getStreamFromGlobalPool(device);
}

std::unique_ptr<PendingAudio> AudioQueue::None() {
  return std::make_unique<AudioAtHand>(std::vector<float>());
}

std::unique_ptr<PendingAudio> AudioQueue::Run(const torch::Tensor& codes, Decode decode) {
  if (stream_) return Enqueue(codes, decode);
  return std::make_unique<AudioAtHand>(ToVector(decode(codes).to(torch::kFloat).contiguous()));
}

// Copies from and to memory that is not pinned would wait for all that the stream does.
std::unique_ptr<PendingAudio> AudioQueue::Enqueue(const torch::Tensor& codes, Decode decode) {
  const c10::StreamGuard guard(*stream_);
  const torch::Tensor there = codes.pin_memory().to(stream_->device(), /*non_blocking=*/true);
  const torch::Tensor wave = decode(there);
  torch::Tensor samples =
      torch::empty(wave.sizes(), torch::TensorOptions(torch::kFloat).pinned_memory(true));
  samples.copy_(wave, /*non_blocking=*/true);
  return std::make_unique<AudioOnItsWay>(std::move(samples), *stream_);
}

}  // namespace magnet
