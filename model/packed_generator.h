// A generator whose steps are packed over kernels of the CPU's memory: for tests
// of packed steps without a GPU.
#ifndef MAGNET_MODEL_PACKED_GENERATOR_H_
#define MAGNET_MODEL_PACKED_GENERATOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/generator.h"
#include "model/magnet/step_kernels.h"

namespace magnet {

// As OpenGenerator, on the CPU and with weights of the kernels' type.
absl::StatusOr<std::unique_ptr<Generator>> OpenPackedGenerator(
    const std::string& bundle_folder, const GeneratorOptions& options,
    std::unique_ptr<StepKernels> kernels);

}  // namespace magnet

#endif  // MAGNET_MODEL_PACKED_GENERATOR_H_
