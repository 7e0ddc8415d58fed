#include "model/device.h"

#include <dlfcn.h>
#include <torch/cuda.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/cuda/library_entry.h"
#include "model/torch.h"

namespace magnet {
namespace {

constexpr char kLibrary[] = "libmagnet_cuda.so";

// The folder of libtorch_cpu.so, which any symbol of it tells.
std::filesystem::path TorchFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) == 0) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

// Empty when CUDA can be used; else why not. The driver is asked for first: without
// one there is no use in loading LibTorch's gigabyte.
std::string LoadCuda() {
  if (torch::cuda::is_available()) return "";
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return absl::StrCat("no driver: ", dlerror());
  }
  const std::string path = (TorchFolder() / "libtorch_cuda.so").string();
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  return torch::cuda::is_available() ? "" : "no usable GPU was found";
}

// cuda: 0; cuda:N: N; -1: another name.
int GpuIndex(std::string_view name) {
  if (name == "auto" || name == "cuda") return 0;
  constexpr std::string_view kPrefix = "cuda:";
  int index = -1;
  if (name.substr(0, kPrefix.size()) != kPrefix) return -1;
  return absl::SimpleAtoi(std::string(name.substr(kPrefix.size())), &index) ? index : -1;
}

std::vector<std::string> LibraryPlaces() {
  if (const char* const named = std::getenv("MAGNET_CUDA_LIBRARY")) return {named};
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  return {(program / kLibrary).string(), (program / "../lib/magnet" / kLibrary).string(),
          (TorchFolder() / kLibrary).string(), kLibrary};
}

}  // namespace

absl::StatusOr<Device> ChooseDevice(std::string_view name) {
  if (name == "cpu") return Device{};
  const int index = GpuIndex(name);
  if (index < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "device: expected auto, cpu, cuda or cuda:N, found \"", std::string(name), "\""));
  }
  std::string problem = LoadCuda();
  if (problem.empty() && index >= static_cast<int>(torch::cuda::device_count())) {
    problem = absl::StrCat("this machine has ", torch::cuda::device_count(), " GPUs");
  }
  if (problem.empty()) return Device{DeviceType::kCuda, index};
  if (name == "auto") return Device{};
  return absl::FailedPreconditionError(absl::StrCat("device ", std::string(name), ": ", problem));
}

std::string Describe(const Device& device) {
  return device.is_cuda() ? absl::StrCat("CUDA GPU ", device.index) : "CPU";
}

absl::StatusOr<std::unique_ptr<StepKernels>> LoadCudaStepKernels(int gpu_index) {
  std::vector<std::string> problems;
  for (const std::string& place : LibraryPlaces()) {
    void* const library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      problems.push_back(dlerror());
      continue;
    }
    const auto make =
        reinterpret_cast<MakeStepKernelsFunction*>(dlsym(library, kMakeStepKernelsName));
    if (make == nullptr) return absl::FailedPreconditionError(absl::StrCat(place, ": ", dlerror()));
    char error[kMakeStepKernelsErrorBytes] = "";
    std::unique_ptr<StepKernels> kernels(make(gpu_index, error));
    if (kernels != nullptr) return kernels;
    return absl::FailedPreconditionError(absl::StrCat(place, ": ", error));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("device cuda: cannot load ", kLibrary, ": ", absl::StrJoin(problems, "; ")));
}

}  // namespace magnet
