#include "model/cli/clip_run.h"

namespace magnet {

absl::StatusOr<std::vector<float>> RunToTheEnd(
    Generator& generator, Generation& generation,
    absl::FunctionRef<void(const GenerationProgress&)> before_step) {
  constexpr int kChunkFrames = 50;
  std::vector<float> samples;
  for (;;) {
    before_step(generation.progress());
    if (!generation.progress().done()) {
      const absl::Status status = generator.Step({&generation})[0];
      if (!status.ok()) return status;
    }
    while (generation.progress().has_frames_to_decode()) {
      const auto chunk = generator.DecodeAudio(generation, kChunkFrames);
      if (!chunk.ok()) return chunk.status();
      samples.insert(samples.end(), chunk->begin(), chunk->end());
    }
    if (generation.progress().done()) return samples;
  }
}

}  // namespace magnet
