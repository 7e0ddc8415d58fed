// From the wire to the engine: a GenerateRequest becomes a GenerationSpec that
// Generator::Begin accepts, or an error that names every wrong field.
#ifndef MAGNET_SERVER_GENERATION_REQUEST_H_
#define MAGNET_SERVER_GENERATION_REQUEST_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "magnet/v1/music.pb.h"
#include "model/generation_spec.h"
#include "model/generator.h"
#include "model/model_config.h"
#include "server/audio_encoder.h"
#include "server/job.h"

namespace magnet {

struct RequestLimits {
  GenerationLimits generation;
  int64_t max_given_audio_bytes = 16 << 20;
};

struct GenerationRequest {
  GenerationSpec spec;
  AudioFormat format = AudioFormat::kWavS16;
  JobPriority priority = JobPriority::kNormal;
  int64_t chunk_samples = 1;  // most samples of the model per AudioChunk, at least 1
  bool wants_progress = true;
};

// What `request` asks of the model with `config`, with its defaults filled in;
// `fresh_seed` is taken where it names none. INVALID_ARGUMENT with a BadRequest
// of proto field paths.
absl::StatusOr<GenerationRequest> ConvertRequest(const v1::GenerateRequest& request,
                                                 const ModelConfig& config,
                                                 const RequestLimits& limits, uint64_t fresh_seed);

// The description of a model for GetModel and ListModels.
v1::Model DescribeModel(const ModelConfig& config, const Arithmetic& arithmetic,
                        const RequestLimits& limits);

// The format on the wire, never unspecified.
v1::AudioFormat ToProto(AudioFormat format);

}  // namespace magnet

#endif  // MAGNET_SERVER_GENERATION_REQUEST_H_
