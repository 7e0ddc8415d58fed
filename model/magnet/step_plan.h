// What a packed step is to compute: the steps of several clips, at any stages and
// of any lengths and texts, as one list of rows and the tables that say what each
// row is. No torch, no device: all that is to be decided about a batch is here.
#ifndef MAGNET_MODEL_MAGNET_STEP_PLAN_H_
#define MAGNET_MODEL_MAGNET_STEP_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/magnet/step_kernels.h"
#include "model/model_config.h"

namespace magnet {

// One clip's step.
struct StepRequest {
  std::span<const int64_t> codes;    // [K, T]: the window, masked tokens as the mask id
  std::span<const int64_t> ticks{};  // [T] (BeatConfig), or empty: of no frame known
  int num_frames = 0;                // T
  int stage = 0;
  std::span<const int> frames;  // rising: those to be sampled
  TextSpan condition;           // no keys: the null condition
  bool guided = false;          // also the unconditional branch
  TextSpan negative;            // what that branch is told
  DrawSettings draw;
};

// Rows [first, first + num_rows) of the wanted ones are of one stage. Whole tiles.
struct StageRows {
  int stage = 0;
  int first = 0;
  int num_rows = 0;
};

// The tables in a device's memory.
struct StepTables {
  const int32_t* ids;            // [rows, inputs]: codes, and a tick where the model has beats
  const int32_t* frames;         // [rows]; -1: the row fills up a tile
  const AttentionSpan* spans;    // [sequences]
  const TextSpan* texts;         // [text_sequences]
  const int32_t* wanted;         // [num_wanted]: rows whose logits are wanted; -1: none
  const Draw* draws;             // [num_draws]
  const DrawSettings* settings;  // [requests]
};

// The order of rows: the sequences that attend to a text, filled up to whole
// tiles, then those of the null condition, likewise. A guided clip is two
// sequences. The order of wanted rows: by stage, within it request by request, of
// each its conditional rows, then its unconditional ones.
class StepPlan {
 public:
  // Frames in 0 < T <= config.window_frames; at least one request.
  StepPlan(std::span<const StepRequest> requests, const LmConfig& config, int row_tile);

  const StepShape& shape() const { return shape_; }
  const std::vector<StageRows>& heads() const { return heads_; }
  int num_wanted() const { return static_cast<int>(wanted_.size()); }
  int num_draws() const { return static_cast<int>(draws_.size()); }
  int num_rounds() const { return num_rounds_; }  // of draws (Draw::round)

  // All tables, to be copied to a device, and where they then are. Those before
  // `wanted` lie at places that the shape alone decides.
  std::vector<std::byte> Bytes() const;
  StepTables TablesAt(const void* base) const;

  // Draw i of `tokens` [num_draws] belongs to request order(i); they are in the
  // order of requests and of their frames.
  std::vector<std::vector<SampledToken>> Divide(std::span<const SampledToken> tokens) const;

 private:
  struct Branch {
    const StepRequest* request;
    TextSpan text;  // no keys: null
    int first_row = 0;
  };
  // Conditional branch of request i: 2 i; unconditional: 2 i + 1, where guided.
  void ListBranches(std::span<const StepRequest> requests);
  void PlaceRows(bool with_text, const LmConfig& config, int row_tile);
  void AddSequence(Branch& branch, const LmConfig& config);
  void ListDraws(std::span<const StepRequest> requests, const LmConfig& config);
  void PlaceWanted(std::span<const StepRequest> requests, int stage, int row_tile);

  StepShape shape_;
  int num_rounds_ = 1;
  std::vector<Branch> branches_;  // [2 * requests]; request null where there is none
  std::vector<StageRows> heads_;
  std::vector<int32_t> ids_;            // [rows, num_inputs]
  std::vector<int32_t> frames_;         // [rows]
  std::vector<AttentionSpan> spans_;    // [sequences]
  std::vector<TextSpan> texts_;         // [text_sequences]
  std::vector<int32_t> wanted_;         // [num_wanted]
  std::vector<Draw> draws_;             // [num_draws]
  std::vector<DrawSettings> settings_;  // [requests]
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_STEP_PLAN_H_
