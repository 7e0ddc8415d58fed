// What a pickle's stack machine remembers: its stack, its marks and its memo.
#ifndef MAGNET_MODEL_CHECKPOINT_PICKLE_STACK_H_
#define MAGNET_MODEL_CHECKPOINT_PICKLE_STACK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "model/checkpoint/pickle_reader.h"

namespace magnet {

// Values belong to the document. Nothing below the innermost mark can be
// reached, and all sizes are bounded: errors are INVALID_ARGUMENT.
class PickleStack {
 public:
  using Items = std::vector<const PickleValue*>;

  // `document` must outlive this.
  explicit PickleStack(PickleDocument& document) : document_(document) {}

  // A new value on top.
  PickleValue& Push(PickleValue::Kind kind);
  void Push(PickleValue* value) { values_.push_back(value); }

  // How many values lie above the innermost mark.
  size_t available() const { return values_.size() - (marks_.empty() ? 0 : marks_.back()); }

  // An error unless `count` values can be popped.
  absl::Status Require(size_t count) const;

  // The value on top. Needs an available one.
  PickleValue* Pop();

  // The top `count` values, the topmost last. Needs that many.
  Items Pop(size_t count);

  // The value on top, if it is of this kind; else null. It stays.
  PickleValue* Top(PickleValue::Kind kind) const;

  absl::Status Mark();

  // Takes what lies above the innermost mark, and the mark. Nothing: no mark.
  std::optional<Items> PopMark();

  // The memo keeps the value on top under `index`; Recall pushes it again.
  absl::Status Memoize(uint32_t index);
  absl::Status Recall(uint32_t index);
  size_t memo_size() const { return memo_.size(); }

  // An error where the program has made more than any checkpoint needs.
  absl::Status CheckSize() const;

 private:
  PickleDocument& document_;
  std::vector<PickleValue*> values_;
  std::vector<size_t> marks_;  // sizes of values_ when they were set
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_PICKLE_STACK_H_
