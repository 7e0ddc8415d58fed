// Where a run computes, and in which precision. Internal to targets that use
// LibTorch.
#ifndef MAGNET_TRAIN_TRAINING_DEVICE_H_
#define MAGNET_TRAIN_TRAINING_DEVICE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/torch.h"
#include "train/training_config.h"

namespace magnet {

struct TrainingDevice {
  torch::Device device = torch::kCPU;
  bool bfloat16 = false;  // autocast
};

// `name` as for ChooseDevice (model/device.h). With several processes on a machine,
// LOCAL_RANK chooses the GPU where the name does not.
absl::StatusOr<TrainingDevice> ChooseTrainingDevice(std::string_view name,
                                                    TrainingPrecision precision);

// "CPU, float32", "CUDA GPU 0, bfloat16".
std::string Describe(const TrainingDevice& device);

// While it lives, matrix products on the device compute in bfloat16 where
// `device.bfloat16`. One at a time on a thread.
class AutocastGuard {
 public:
  explicit AutocastGuard(const TrainingDevice& device);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  const torch::DeviceType type_;
  const bool active_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_TRAINING_DEVICE_H_
