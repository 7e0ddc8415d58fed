#include "model/cuda/step_graphs.h"

#include "model/cuda/cuda_error.h"

namespace magnet {
namespace {

// Beyond so many shapes all are forgotten; a graph takes a few hundred kilobytes.
constexpr size_t kMaxGraphs = 256;

cudaGraphExec_t Record(cudaStream_t stream, const std::function<void()>& launch) {
  CheckCuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording");
  cudaGraph_t graph = nullptr;
  try {
    launch();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  CheckCuda(cudaStreamEndCapture(stream, &graph), "recording");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, /*flags=*/0);
  cudaGraphDestroy(graph);
  CheckCuda(error, "making a graph");
  return executable;
}

}  // namespace

void StepGraphs::Run(const StepShape& shape, cudaStream_t stream,
                     const std::function<void()>& launch) {
  const auto known = graphs_.find(shape);
  if (known == graphs_.end()) {
    if (graphs_.size() >= kMaxGraphs) Forget();
    graphs_.emplace(shape, nullptr);
    return launch();
  }
  if (known->second == nullptr) known->second = Record(stream, launch);
  CheckCuda(cudaGraphLaunch(known->second, stream), "launching a step");
}

void StepGraphs::Forget() {
  for (const auto& [shape, graph] : graphs_) {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
  graphs_.clear();
}

}  // namespace magnet
