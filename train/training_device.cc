#include "train/training_device.h"

#include <ATen/autocast_mode.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <torch/cuda.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

// Matrix instructions for bfloat16: CPUID leaf 7 (AMX-BF16: edx bit 22 of
// subleaf 0; AVX512_BF16: eax bit 5 of subleaf 1).
bool CpuGainsByBFloat16() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx >> 22 & 1) != 0) return true;
  if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 5 & 1) != 0) return true;
#endif
  return false;
}

// Empty when CUDA can be used; else why not.
std::string LoadCuda() {
  if (!torch::cuda::is_available()) {
    // Any symbol of libtorch_cpu tells where it lies.
    Dl_info info;
    std::string path = "libtorch_cuda.so";
    if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) != 0) {
      path = (std::filesystem::path(info.dli_fname).parent_path() / path).string();
    }
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  }
  return torch::cuda::is_available() ? "" : "no usable GPU was found";
}

torch::Device GpuOfThisProcess() {
  const char* local_rank = std::getenv("LOCAL_RANK");
  const int index = local_rank == nullptr ? 0 : std::atoi(local_rank);
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

absl::StatusOr<TrainingDevice> ChooseTrainingDevice(std::string_view name,
                                                    TrainingPrecision precision) {
  TrainingDevice chosen;
  if (name != "auto" && name != "cpu" && name != "cuda") {
    return absl::InvalidArgumentError(
        absl::StrCat("device: expected auto, cpu or cuda, found \"", std::string(name), "\""));
  }
  if (name != "cpu") {
    const std::string problem = LoadCuda();
    if (problem.empty()) chosen.device = GpuOfThisProcess();
    if (!problem.empty() && name == "cuda") {
      return absl::FailedPreconditionError(absl::StrCat("device cuda: ", problem));
    }
  }
  chosen.bfloat16 =
      precision == TrainingPrecision::kBFloat16 ||
      (precision == TrainingPrecision::kAuto && (chosen.device.is_cuda() || CpuGainsByBFloat16()));
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
