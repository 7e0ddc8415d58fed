// The processes that train one model together, each on its share of a batch.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_PROCESS_GROUP_H_
#define MAGNET_TRAIN_PROCESS_GROUP_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"

namespace magnet {

// All processes make the same calls in the same order, with tensors of the same
// shapes. A call returns when its result is there; one that another process does
// not make ends in UNAVAILABLE after the time limit. One thread.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  // From RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; a
  // group of one where WORLD_SIZE is not set. Process 0 listens at the address,
  // tensors go over Gloo. INVALID_ARGUMENT names a wrong variable.
  static absl::StatusOr<std::unique_ptr<ProcessGroup>> FromEnvironment();

  // A group of one process, whose calls do nothing.
  static std::unique_ptr<ProcessGroup> Alone();

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Every tensor becomes its sum over the processes, in float32 and to the same
  // bits on each. Tensors on a GPU go through main memory.
  virtual absl::Status Sum(const std::vector<torch::Tensor>& tensors) = 0;

  // Every tensor becomes process 0's.
  virtual absl::Status Broadcast(const std::vector<torch::Tensor>& tensors) = 0;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_PROCESS_GROUP_H_
