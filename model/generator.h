// The face of the engine: a loaded model that generates clips step by step.
//
// A scheduler drives it so:
//
//   auto generator = OpenGenerator(bundle_folder, options);
//   auto generation = (*generator)->Begin(spec);
//   while (!(*generation)->progress().done()) {
//     (*generator)->Step({generation->get(), ...});       // one forward pass each
//     while (codes are ready) audio.push((*generator)->StartAudio(**generation, frames));
//     while (audio.front()->ready()) use(audio.pop()->Take());
//   }
//
// Threads: one thread calls Begin, Step and StartAudio of all Generators of a
// device (the model thread). Generation::progress() and the accessors belong to
// that thread as well, and so does a PendingAudio. Both may be destroyed on any
// thread, at any step boundary: that is how a request is dropped. They must not
// outlive their Generator.
//
// Exceptions of the tensor library stop here: running out of memory becomes
// RESOURCE_EXHAUSTED, every other failure INTERNAL.
#ifndef MAGNET_MODEL_GENERATOR_H_
#define MAGNET_MODEL_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/generation_spec.h"
#include "model/model_config.h"
#include "model/precision.h"

namespace magnet {

// Where one clip stands. All counts are of this clip alone.
struct GenerationProgress {
  int window = 0;  // current window, from 0
  int num_windows = 0;
  int stage = 0;  // codebook being decoded in this window, from 0
  int num_stages = 0;
  int step = 0;        // next step of this stage, from 0
  int num_steps = 0;   // steps of this stage
  int steps_done = 0;  // over all windows and stages
  int steps_total = 0;
  int64_t passes = 0;      // forward passes run so far, a guided step counting 2
  int frames_ready = 0;    // leading frames whose codes are final
  int frames_decoded = 0;  // of those, frames given to StartAudio already
  int num_frames = 0;      // of the whole clip

  bool done() const { return steps_done == steps_total; }
  bool has_frames_to_decode() const { return frames_decoded < frames_ready; }
};

// From when on a clip has a tempo. Where none was known before, a bar begins there; else the
// bar that is under way goes on.
struct TempoChange {
  double start_seconds = 0;  // of the first frame that was made to it
  double bpm = 0;            // of whole frames a beat; 0: none is known from here on
  int beats_per_bar = 0;     // likewise

  bool operator==(const TempoChange&) const = default;
};

// One clip being made. Opaque; made by Generator::Begin.
class Generation {
 public:
  virtual ~Generation() = default;

  virtual GenerationProgress progress() const = 0;

  // Token rows that the next Step puts through the transformer (frames, twice
  // where the step is guided): what a batch's budget counts. 0 when done.
  virtual int64_t next_step_rows() const = 0;

  // Samples of the whole clip at the codec's rate.
  virtual int64_t num_samples() const = 0;

  // The final codes, codebook by codebook: [num_codebooks * num_frames].
  // Frames at or after progress().frames_ready hold unspecified values.
  virtual std::vector<int64_t> codes() const = 0;

  // What the model has been told to play so far, by start; no two in a row are the same.
  // Empty: it is told no beats (BeatConfig), or none were known.
  virtual std::vector<TempoChange> tempos() const = 0;

  // Replaces the prompts of windows that have not begun. For sessions whose
  // text changes while the music plays. INVALID_ARGUMENT as FindViolations.
  virtual absl::Status SetUpcomingSections(std::vector<PromptSection> sections) = 0;
};

// Samples that are being decoded, or are there.
class PendingAudio {
 public:
  virtual ~PendingAudio() = default;

  // Whether Take would return at once.
  virtual bool ready() const = 0;

  // Waits for the samples: mono, in [-1, 1] unless the model overshoots. Once.
  virtual absl::StatusOr<std::vector<float>> Take() = 0;
};

// Where a model computes, and in what type of number. By another one seed may draw other tokens.
struct Arithmetic {
  std::string device;     // "CPU", "CUDA GPU 0"
  std::string precision;  // a name that options have, not auto
};

class Generator {
 public:
  virtual ~Generator() = default;

  virtual const ModelConfig& config() const = 0;
  virtual Arithmetic arithmetic() const = 0;

  // Encodes the texts and the given audio and plans the windows. Costs one text
  // encoder pass per text not in the cache, and one codec encoder pass.
  // INVALID_ARGUMENT lists every violation.
  virtual absl::StatusOr<std::unique_ptr<Generation>> Begin(const GenerationSpec& spec) = 0;

  // One decoding step of every generation of `batch` (distinct, none done).
  // They may be at different windows, stages and steps and of different
  // lengths; what each computes does not depend on the others. Returns one
  // status each, in order:
  //   OK                  the step is done;
  //   INTERNAL            this generation is broken and can only be dropped
  //                       (a failing pass, or logits that are not finite);
  //   RESOURCE_EXHAUSTED  out of memory: nothing changed, a smaller batch may do.
  virtual std::vector<absl::Status> Step(absl::Span<Generation* const> batch) = 0;

  // Begins to decode the next samples of a clip, from at most `max_frames` of its ready and
  // not yet decoded frames. On a CPU they are there on return; a GPU decodes beside the steps
  // that follow, what was started first first. The codec may hold some samples back until it
  // has seen what follows; the call that takes the clip's last frame makes all the rest, so
  // that the samples of all calls are num_samples() in number. None when nothing is ready.
  virtual absl::StatusOr<std::unique_ptr<PendingAudio>> StartAudio(Generation& generation,
                                                                   int max_frames) = 0;

  // The same, waited for.
  absl::StatusOr<std::vector<float>> DecodeAudio(Generation& generation, int max_frames) {
    auto audio = StartAudio(generation, max_frames);
    if (!audio.ok()) return audio.status();
    return (*audio)->Take();
  }

  // Token rows that fill the device, for those who form batches: more per step only
  // delay everyone. 0: merging rows gains nothing, one generation a step is best.
  virtual int64_t full_step_rows() const { return 0; }

  // Bytes of the model's weights.
  virtual int64_t memory_bytes() const = 0;
};

struct GeneratorOptions {
  // auto, cpu, cuda or cuda:N (model/device.h). auto takes the first GPU where there
  // is one whose kernels compute in `precision`; cuda says why there is none.
  std::string device = "cpu";
  // Of the transformer's arithmetic; GPU: float16. The codec's decoder: CpuPrecision.
  // FAILED_PRECONDITION where the CPU has no instructions for int8.
  Precision precision = Precision::kFloat32;
  int num_threads = 0;             // of the tensor library; 0: one per core. Process-wide.
  int prompt_cache_entries = 256;  // encoded texts kept; 0: none
  GenerationLimits limits;
};

// Loads a bundle. Errors name the file, and for tensors list all that are
// missing, left over or misshapen at once.
absl::StatusOr<std::unique_ptr<Generator>> OpenGenerator(const std::string& bundle_folder,
                                                         const GeneratorOptions& options);

}  // namespace magnet

#endif  // MAGNET_MODEL_GENERATOR_H_
