// magnet-server: serves text-to-music models over gRPC. See --help.
#include "model/generator.h"
#include "model/heap.h"
#include "server/server.h"
#include "server/server_program.h"

namespace magnet {
namespace {

absl::StatusOr<std::unique_ptr<Generator>> OpenModel(const std::string& folder,
                                                     const ServerConfig& config) {
  GeneratorOptions options;
  options.device = config.device;
  options.precision = PrecisionNames().at(config.precision);  // checked with the configuration
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
