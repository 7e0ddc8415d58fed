#include "train/training_device.h"

#include <ATen/autocast_mode.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/cpu_features.h"
#include "model/device.h"

namespace magnet {
namespace {

torch::Device TorchDevice(const Device& device, std::string_view name) {
  if (!device.is_cuda()) return torch::kCPU;
  const char* const local_rank = std::getenv("LOCAL_RANK");
  const bool numbered = absl::StrContains(std::string(name), ":");
  const int index = numbered || local_rank == nullptr ? device.index : std::atoi(local_rank);
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

absl::StatusOr<TrainingDevice> ChooseTrainingDevice(std::string_view name,
                                                    TrainingPrecision precision) {
  const absl::StatusOr<Device> device = ChooseDevice(name);
  if (!device.ok()) return device.status();
  TrainingDevice chosen;
  chosen.device = TorchDevice(*device, name);
  chosen.bfloat16 =
      precision == TrainingPrecision::kBFloat16 ||
      (precision == TrainingPrecision::kAuto && (device->is_cuda() || CpuGainsByBFloat16()));
  return chosen;
}

std::string Describe(const TrainingDevice& device) {
  return absl::StrCat(
      device.device.is_cuda() ? absl::StrCat("CUDA GPU ", device.device.index()) : "CPU",
      device.bfloat16 ? ", bfloat16" : ", float32");
}

AutocastGuard::AutocastGuard(const TrainingDevice& device)
    : type_(device.device.type()), active_(device.bfloat16) {
  if (!active_) return;
  at::autocast::increment_nesting();
  at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
  at::autocast::set_autocast_enabled(type_, true);
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  at::autocast::set_autocast_enabled(type_, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace magnet
