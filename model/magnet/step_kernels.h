// What a device must be able to compute for a packed step (packed_transformer.h):
// a small table of kernels over plain pointers.
//
// Two tables are there: CpuStepKernels, plain loops that say what each kernel
// means, and CUDA's (model/cuda/). All that is decided about a batch - which rows
// there are, who attends to whom, which logits are wanted - is decided before, by
// StepPlan, and reaches the kernels as tables of numbers.
//
// Rows. A row is one frame of one sequence. Results of a row depend on nothing but
// that row and, in attention, the rows of its own sequence: neither on how many
// rows there are nor on which. This is what lets a seed mean the same bytes in any
// company.
//
// Memory. Pointers in the argument structs are the device's, contiguous, row by
// row, and stay valid until the next Download. Shapes: R rows, D width of the
// model, H heads, W = D/H width of a head, K codebooks, S keys of a text.
//
// Errors are exceptions (std::runtime_error): the device failed, and the process
// cannot go on using it. Not thread-safe: the model thread.
#ifndef MAGNET_MODEL_MAGNET_STEP_KERNELS_H_
#define MAGNET_MODEL_MAGNET_STEP_KERNELS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "model/magnet/philox.h"
#include "model/magnet/sampler.h"

namespace magnet {

// A number of the table's own type: float on the CPU, half in CUDA. Never defined:
// only the kernels look behind such a pointer.
struct Element;

enum class ElementType { kFloat32, kFloat16 };

// How large a packed step is. Steps of equal shape launch the same kernels with
// the same arguments: what differs is only in the tables that were uploaded.
struct StepShape {
  int text_rows = 0;       // whole tiles; rows of sequences that attend to a text
  int null_rows = 0;       // whole tiles; those of the null condition, after them
  int text_sequences = 0;  // entries, empty ones included
  int null_sequences = 0;  // likewise, after them
  int max_frames = 0;      // at least the longest sequence's

  int rows() const { return text_rows + null_rows; }
  int sequences() const { return text_sequences + null_sequences; }
  auto operator<=>(const StepShape&) const = default;
};

// Rows [first_row, first_row + num_rows) are one sequence. Its frame i attends to
// its frames [i - back, i + ahead]. An entry of no rows is empty.
struct AttentionSpan {
  int32_t first_row = 0;
  int32_t num_rows = 0;
  int32_t back = 0;
  int32_t ahead = 0;
};

// The text that a sequence attends to.
struct TextSpan {
  const Element* kv = nullptr;        // [num_layers, 2, S, D]: keys, then values
  const float* score_bias = nullptr;  // [S], added to the scaled scores; null: nothing
  int32_t num_keys = 0;               // S >= 1 unless the entry is empty
};

// One token to be drawn: row numbers of logits.
struct Draw {
  int32_t cond_row = 0;
  int32_t uncond_row = -1;  // -1: not guided
  int32_t settings = 0;     // index of the clip's DrawSettings
  uint32_t frame = 0;       // of the window, for DrawPosition
  int32_t before = -1;      // index of the draw of the frame before, in the same span
                            // (BeforeInSpan) and a round earlier; -1: none that matters
  int32_t round = 0;
};

// What the draws of one clip share.
struct DrawSettings {
  RowSampling sampling;
  DrawPosition position;  // without its frame
};

// x[r] = sum over i of table[i, ids[r, i]] + positions[frames[r]]; zeros where
// frames[r] < 0. I ids a frame (LmConfig::num_inputs).
struct EmbedArgs {
  const int32_t* ids = nullptr;      // [R, I]
  const int32_t* frames = nullptr;   // [R]
  const Element* table = nullptr;    // [I, num_ids, D]
  const float* positions = nullptr;  // [frames of the longest window, D]
  float* x = nullptr;                // [R, D]
  int num_rows = 0, num_inputs = 0, num_ids = 0, dim = 0;
};

// The residual addition and the layer norm (eps 1e-5) after it, for the rows
// [first_row, first_row + num_rows):
//   x[r] += y[r] + constant;  out[r] = norm(x[r]) * gamma + beta
// With `gather` [num_rows] instead: out[i] from row gather[i], zeros where that is
// negative, x left as it is, and first_row is 0. Mean and variance in float32.
struct AddNormArgs {
  float* x = nullptr;               // [R, D]
  const Element* y = nullptr;       // [R, D]; null: zeros
  const float* constant = nullptr;  // [D]; null: zeros
  const Element* gamma = nullptr;   // [D]
  const Element* beta = nullptr;    // [D]
  const int32_t* gather = nullptr;  // [num_rows] or null
  Element* out = nullptr;           // [R, D]; of a gather [num_rows, D]
  int first_row = 0, num_rows = 0, dim = 0;
};

// output[r] = input[r] weight^T + bias for the rows [first_row, first_row +
// num_rows), num_rows whole tiles. Sums in float32, over `in` in an order that
// depends on (in, out) alone.
struct LinearArgs {
  const Element* input = nullptr;   // [R, in]
  const Element* weight = nullptr;  // [out, in]
  const void* bias = nullptr;       // [out], of the output's type; null: zeros
  Element* output = nullptr;        // [R, out]; or null, and instead of it:
  float* float_output = nullptr;    // [R, out]
  int first_row = 0, num_rows = 0, in = 0, out = 0;
};

// x = x / 2 (1 + erf(x / sqrt(2))), in place.
struct GeluArgs {
  Element* x = nullptr;  // [R, dim]
  int num_rows = 0, dim = 0;
};

// Softmax of (q k^T / sqrt(W)) times v, head by head, sequence by sequence.
struct SelfAttentionArgs {
  const Element* qkv = nullptr;          // [R, 3D]
  const AttentionSpan* spans = nullptr;  // [num_sequences]
  Element* out = nullptr;                // [R, D]
  int num_sequences = 0, max_frames = 0, dim = 0, num_heads = 0;
};

// The same from rows to the keys of a text: sequence i's rows are spans[i]'s, its
// keys texts[i]'s of `layer`.
struct CrossAttentionArgs {
  const Element* q = nullptr;            // [R, D]
  const AttentionSpan* spans = nullptr;  // [num_sequences]
  const TextSpan* texts = nullptr;       // [num_sequences]
  Element* out = nullptr;                // [R, D]
  int layer = 0, num_sequences = 0, max_frames = 0, dim = 0, num_heads = 0;
};

// Guidance, temperature, softmax, the cut and the draw: as RowSampler::Sample, row
// by row; a token of -1 where a guided logit is not finite.
// Draws of `round` alone: those of earlier rounds have been drawn.
struct SampleArgs {
  const float* logits = nullptr;           // [rows, card]
  const Draw* draws = nullptr;             // [num_draws]
  const DrawSettings* settings = nullptr;  // one per clip
  SampledToken* tokens = nullptr;          // [num_draws]
  const float* neighbours = nullptr;       // [neighbour_tables, card, card] by stage, token before
                                           // and token; null: no draw has one before
  int num_draws = 0, card = 0, round = 0;
};

class StepKernels {
 public:
  virtual ~StepKernels() = default;

  virtual ElementType element_type() const = 0;
  // Rows are counted in whole tiles of so many.
  virtual int row_tile() const = 0;
  // Token rows that fill the device: more only delay everyone.
  virtual int64_t full_step_rows() const = 0;

  // Host to device, in order with the kernels; `source` may go at once.
  virtual void Upload(void* destination, const void* source, size_t bytes) = 0;
  // Waits for all that was asked for, then device to host.
  virtual void Download(void* destination, const void* source, size_t bytes) = 0;

  // Calls `launch`, which calls kernels of this table with arguments that depend
  // on `shape` alone, or does again what it did for that shape before.
  virtual void Run(const StepShape& shape, const std::function<void()>& launch) = 0;
  // Buffers have moved: what Run remembers is of no use any more.
  virtual void ForgetRuns() = 0;

  virtual void Embed(const EmbedArgs& args) = 0;
  virtual void AddNorm(const AddNormArgs& args) = 0;
  virtual void Linear(const LinearArgs& args) = 0;
  virtual void Gelu(const GeluArgs& args) = 0;
  virtual void SelfAttention(const SelfAttentionArgs& args) = 0;
  virtual void CrossAttention(const CrossAttentionArgs& args) = 0;
  virtual void Sample(const SampleArgs& args) = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_STEP_KERNELS_H_
