#include "model/magnet/step_plan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/magnet/span_draws.h"
#include "model/magnet/subcodes_window.h"

namespace magnet {
namespace {

// Shapes are coarse, so that steps of the same clips, and of other clips of about
// their length, have the same shape.
constexpr int kSequencesTogether = 4;
constexpr int kFramesTogether = 64;

// Every table begins where any type may.
constexpr size_t kAlignment = 16;

int RoundUp(int count, int tile) { return (count + tile - 1) / tile * tile; }

template <typename T>
size_t BytesOf(const std::vector<T>& table) {
  const size_t bytes = table.size() * sizeof(T);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
void Append(const std::vector<T>& table, std::vector<std::byte>& bytes) {
  const size_t begin = bytes.size();
  bytes.resize(begin + BytesOf(table));
  if (!table.empty()) std::memcpy(bytes.data() + begin, table.data(), table.size() * sizeof(T));
}

template <typename T>
const T* TakeTable(const std::vector<T>& table, const std::byte*& place) {
  const auto* const begin = reinterpret_cast<const T*>(place);
  place += BytesOf(table);
  return begin;
}

AttentionSpan SpanOf(const LmConfig& config, int stage, int first_row, int num_frames) {
  const bool causal = stage > 0 && config.subcodes_attention == SubcodesAttention::kCausal;
  const int far =
      IsWindowed(config, stage) ? std::min(config.subcodes_context, num_frames) : num_frames;
  return {first_row, num_frames, far, causal ? 0 : far};
}

}  // namespace

StepPlan::StepPlan(std::span<const StepRequest> requests, const LmConfig& config, int row_tile) {
  ListBranches(requests);
  PlaceRows(/*with_text=*/true, config, row_tile);
  PlaceRows(/*with_text=*/false, config, row_tile);
  for (const AttentionSpan& span : spans_) {
    shape_.max_frames = std::max(shape_.max_frames, RoundUp(span.num_rows, kFramesTogether));
  }
  for (const StepRequest& request : requests) settings_.push_back(request.draw);
  ListDraws(requests, config);
  for (int stage = 0; stage < config.num_codebooks; ++stage) {
    PlaceWanted(requests, stage, row_tile);
  }
}

void StepPlan::ListDraws(std::span<const StepRequest> requests, const LmConfig& config) {
  for (size_t i = 0; i < requests.size(); ++i) {
    const StepRequest& request = requests[i];
    const std::vector<int> before =
        BeforeInSpan(config, request.stage, request.draw.sampling.neighbour_weight, request.frames);
    const auto first = static_cast<int32_t>(draws_.size());
    for (size_t j = 0; j < request.frames.size(); ++j) {
      Draw draw{.settings = static_cast<int32_t>(i),
                .frame = static_cast<uint32_t>(request.frames[j])};
      if (before[j] >= 0) {
        draw.before = first + before[j];
        draw.round = draws_[static_cast<size_t>(draw.before)].round + 1;
        num_rounds_ = std::max(num_rounds_, draw.round + 1);
      }
      draws_.push_back(draw);
    }
  }
}

void StepPlan::ListBranches(std::span<const StepRequest> requests) {
  for (const StepRequest& request : requests) {
    branches_.push_back({&request, request.condition});
    branches_.push_back({request.guided ? &request : nullptr, request.negative});
  }
}

void StepPlan::PlaceRows(bool with_text, const LmConfig& config, int row_tile) {
  const auto rows_before = std::ssize(frames_), sequences_before = std::ssize(spans_);
  for (Branch& branch : branches_) {
    if (branch.request != nullptr && (branch.text.num_keys > 0) == with_text) {
      AddSequence(branch, config);
    }
  }
  const int rows = RoundUp(static_cast<int>(std::ssize(frames_) - rows_before), row_tile);
  const int sequences =
      RoundUp(static_cast<int>(std::ssize(spans_) - sequences_before), kSequencesTogether);
  frames_.resize(static_cast<size_t>(rows_before + rows), -1);
  ids_.resize(frames_.size() * static_cast<size_t>(config.num_inputs()), 0);
  spans_.resize(static_cast<size_t>(sequences_before + sequences));
  (with_text ? shape_.text_rows : shape_.null_rows) = rows;
  (with_text ? shape_.text_sequences : shape_.null_sequences) = sequences;
  if (with_text) texts_.resize(static_cast<size_t>(sequences));
}

void StepPlan::AddSequence(Branch& branch, const LmConfig& config) {
  const StepRequest& request = *branch.request;
  branch.first_row = static_cast<int>(frames_.size());
  for (int t = 0; t < request.num_frames; ++t) {
    frames_.push_back(t);
    for (int k = 0; k < config.num_codebooks; ++k) {
      ids_.push_back(static_cast<int32_t>(request.codes[int64_t{k} * request.num_frames + t]));
    }
    if (!config.beats.has_value()) continue;
    ids_.push_back(request.ticks.empty() ? config.beats->no_tick_id()
                                         : static_cast<int32_t>(request.ticks[t]));
  }
  spans_.push_back(SpanOf(config, request.stage, branch.first_row, request.num_frames));
  if (branch.text.num_keys > 0) texts_.push_back(branch.text);
}

void StepPlan::PlaceWanted(std::span<const StepRequest> requests, int stage, int row_tile) {
  const auto before = std::ssize(wanted_);
  size_t draw = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const StepRequest& request = requests[i];
    const size_t first_draw = std::exchange(draw, draw + request.frames.size());
    if (request.stage != stage) continue;
    for (size_t b = 0; b < (request.guided ? 2u : 1u); ++b) {
      for (size_t j = 0; j < request.frames.size(); ++j) {
        Draw& drawn = draws_[first_draw + j];
        (b == 0 ? drawn.cond_row : drawn.uncond_row) = num_wanted();
        wanted_.push_back(branches_[2 * i + b].first_row + request.frames[j]);
      }
    }
  }
  const int rows = RoundUp(static_cast<int>(std::ssize(wanted_) - before), row_tile);
  if (rows == 0) return;
  wanted_.resize(static_cast<size_t>(before + rows), -1);
  heads_.push_back({stage, static_cast<int>(before), rows});
}

std::vector<std::byte> StepPlan::Bytes() const {
  std::vector<std::byte> bytes;
  Append(ids_, bytes);
  Append(frames_, bytes);
  Append(spans_, bytes);
  Append(texts_, bytes);
  Append(wanted_, bytes);
  Append(draws_, bytes);
  Append(settings_, bytes);
  return bytes;
}

StepTables StepPlan::TablesAt(const void* base) const {
  const auto* place = static_cast<const std::byte*>(base);
  StepTables tables{};
  tables.ids = TakeTable(ids_, place);
  tables.frames = TakeTable(frames_, place);
  tables.spans = TakeTable(spans_, place);
  tables.texts = TakeTable(texts_, place);
  tables.wanted = TakeTable(wanted_, place);
  tables.draws = TakeTable(draws_, place);
  tables.settings = TakeTable(settings_, place);
  return tables;
}

std::vector<std::vector<SampledToken>> StepPlan::Divide(
    std::span<const SampledToken> tokens) const {
  std::vector<std::vector<SampledToken>> divided(settings_.size());
  for (size_t i = 0; i < draws_.size(); ++i) {
    divided[static_cast<size_t>(draws_[i].settings)].push_back(tokens[i]);
  }
  return divided;
}

}  // namespace magnet
