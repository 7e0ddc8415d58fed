#define USE_C10D_GLOO
#include "train/process_group.h"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

constexpr std::chrono::minutes kTimeLimit(30);

class SingleProcess : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  absl::Status Sum(const std::vector<torch::Tensor>&) override { return absl::OkStatus(); }
  absl::Status Broadcast(const std::vector<torch::Tensor>&) override { return absl::OkStatus(); }
};

class GlooProcesses : public ProcessGroup {
 public:
  GlooProcesses(c10::intrusive_ptr<c10d::ProcessGroupGloo> group, int rank, int size)
      : group_(std::move(group)), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  absl::Status Sum(const std::vector<torch::Tensor>& tensors) override {
    return Exchange(tensors,
                    [this](std::vector<at::Tensor>& flat) { group_->allreduce(flat)->wait(); });
  }

  absl::Status Broadcast(const std::vector<torch::Tensor>& tensors) override {
    return Exchange(tensors,
                    [this](std::vector<at::Tensor>& flat) { group_->broadcast(flat)->wait(); });
  }

 private:
  // One transfer for all tensors: most are small.
  absl::Status Exchange(const std::vector<torch::Tensor>& tensors,
                        const std::function<void(std::vector<at::Tensor>&)>& transfer) {
    if (tensors.empty()) return absl::OkStatus();
    const torch::NoGradGuard no_grad;
    try {
      std::vector<torch::Tensor> pieces;
      for (const torch::Tensor& tensor : tensors) {
        pieces.push_back(tensor.detach().flatten().to(torch::kCPU, torch::kFloat));
      }
      std::vector<at::Tensor> flat = {torch::cat(pieces)};
      transfer(flat);
      int64_t begin = 0;
      for (const torch::Tensor& tensor : tensors) {
        tensor.detach().copy_(flat[0].narrow(0, begin, tensor.numel()).view(tensor.sizes()));
        begin += tensor.numel();
      }
    } catch (const std::exception& error) {
      return absl::UnavailableError(
          absl::StrCat("process ", rank_, " of ", size_, ": ", MessageOf(error)));
    }
    return absl::OkStatus();
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  int rank_;
  int size_;
};

absl::StatusOr<int> IntVariable(const char* name, int min, int max) {
  const char* text = std::getenv(name);
  int value = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &value) || value < min || value > max) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": expected an integer from ", min, " to ", max, ", found ",
                     text == nullptr ? "nothing" : absl::StrCat("\"", text, "\"")));
  }
  return value;
}

struct Rendezvous {
  std::string host;
  int port = 0;
  int rank = 0;
  int size = 1;
};

absl::StatusOr<std::unique_ptr<ProcessGroup>> Connect(const Rendezvous& meeting) {
  try {
    c10d::TCPStoreOptions store_options;
    store_options.port = static_cast<uint16_t>(meeting.port);
    // torchrun's agent may listen there already; then process 0 only joins.
    store_options.isServer =
        meeting.rank == 0 && std::getenv("TORCHELASTIC_USE_AGENT_STORE") == nullptr;
    store_options.numWorkers = meeting.size;
    const c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::PrefixStore>(
        "magnet", c10::make_intrusive<c10d::TCPStore>(meeting.host, store_options));
    auto options = c10d::ProcessGroupGloo::Options::create(kTimeLimit);
    options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    auto group =
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, meeting.rank, meeting.size, options);
    return std::make_unique<GlooProcesses>(std::move(group), meeting.rank, meeting.size);
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("process ", meeting.rank, " of ", meeting.size,
                                               " at ", meeting.host, ":", meeting.port, ": ",
                                               MessageOf(error)));
  }
}

}  // namespace

std::unique_ptr<ProcessGroup> ProcessGroup::Alone() { return std::make_unique<SingleProcess>(); }

absl::StatusOr<std::unique_ptr<ProcessGroup>> ProcessGroup::FromEnvironment() {
  if (std::getenv("WORLD_SIZE") == nullptr) return Alone();
  const absl::StatusOr<int> size = IntVariable("WORLD_SIZE", 1, 1 << 20);
  if (!size.ok()) return size.status();
  if (*size == 1) return Alone();
  const absl::StatusOr<int> rank = IntVariable("RANK", 0, *size - 1);
  if (!rank.ok()) return rank.status();
  const absl::StatusOr<int> port = IntVariable("MASTER_PORT", 1, 65'535);
  if (!port.ok()) return port.status();
  const char* host = std::getenv("MASTER_ADDR");
  if (host == nullptr) {
    return absl::InvalidArgumentError("MASTER_ADDR: expected a host name, found nothing");
  }
  return Connect({host, *port, *rank, *size});
}

}  // namespace magnet
