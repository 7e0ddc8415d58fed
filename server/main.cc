// magnet-server: serves text-to-music models over gRPC. See --help.
#include "model/generator.h"
#include "model/heap.h"
#include "server/server.h"
#include "server/server_program.h"

namespace magnet {
namespace {

Precision ParsePrecision(const std::string& name) {
  if (name == "auto") return Precision::kAuto;
  if (name == "bfloat16") return Precision::kBFloat16;
  if (name == "float16") return Precision::kFloat16;
  if (name == "int8") return Precision::kInt8;
  return Precision::kFloat32;
}

absl::StatusOr<std::unique_ptr<Generator>> OpenModel(const std::string& folder,
                                                     const ServerConfig& config) {
  GeneratorOptions options;
  options.device = config.device;
  options.precision = ParsePrecision(config.precision);
  options.num_threads = config.threads;
  options.prompt_cache_entries = config.prompt_cache;
  options.limits = GenerationLimitsOf(config);
  return OpenGenerator(folder, options);
}

}  // namespace
}  // namespace magnet

int main(int argc, char** argv) {
  magnet::KeepFreedMemory();
  return magnet::RunServerProgram({argv + 1, argv + argc}, magnet::OpenModel);
}
