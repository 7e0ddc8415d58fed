// Tensors by name: what every reader of this folder returns and every writer
// takes.
#ifndef MAGNET_MODEL_CHECKPOINT_TENSOR_MAP_H_
#define MAGNET_MODEL_CHECKPOINT_TENSOR_MAP_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "model/torch.h"

namespace magnet {

using TensorMap = std::map<std::string, torch::Tensor>;

// Copies `tensors` into the parameters and buffers of `module`, by their full
// names, converting the type to the module's. Every missing, left-over and
// misshapen tensor is listed in one INVALID_ARGUMENT with expected and found
// shapes; `source` (a file name) opens the message. Nothing is copied then.
//
// Each tensor of `tensors` is dropped when it has been copied: handed over by std::move, a mapped
// file takes no more memory than one of its tensors. `loaded`, if given, is called for each
// submodule when it is complete, before the next one is begun.
absl::Status LoadModule(TensorMap tensors, const std::string& source, torch::nn::Module& module,
                        const std::function<void(torch::nn::Module&)>& loaded = {});

// All parameters and buffers of `module`, detached, by their full names.
TensorMap ModuleTensors(const torch::nn::Module& module);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_TENSOR_MAP_H_
