#include "model/checkpoint/pickle_stack.h"

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxStack = 1'000'000;
constexpr size_t kMaxMemo = 2'000'000;
constexpr size_t kMaxMarks = 1'000;

}  // namespace

PickleValue& PickleStack::Push(PickleValue::Kind kind) {
  PickleValue& value = document_.values.emplace_back();
  value.kind = kind;
  values_.push_back(&value);
  return value;
}

absl::Status PickleStack::Require(size_t count) const {
  return available() >= count ? absl::OkStatus() : absl::InvalidArgumentError("stack underflow");
}

PickleValue* PickleStack::Pop() {
  PickleValue* value = values_.back();
  values_.pop_back();
  return value;
}

PickleStack::Items PickleStack::Pop(size_t count) {
  Items items(values_.end() - static_cast<std::ptrdiff_t>(count), values_.end());
  values_.resize(values_.size() - count);
  return items;
}

PickleValue* PickleStack::Top(PickleValue::Kind kind) const {
  return available() >= 1 && values_.back()->kind == kind ? values_.back() : nullptr;
}

absl::Status PickleStack::Mark() {
  if (marks_.size() >= kMaxMarks) return absl::InvalidArgumentError("marks nested too deep");
  marks_.push_back(values_.size());
  return absl::OkStatus();
}

std::optional<PickleStack::Items> PickleStack::PopMark() {
  if (marks_.empty()) return std::nullopt;
  Items items = Pop(available());
  marks_.pop_back();
  return items;
}

absl::Status PickleStack::Memoize(uint32_t index) {
  if (absl::Status status = Require(1); !status.ok()) return status;
  if (memo_.size() >= kMaxMemo) return absl::InvalidArgumentError("a memo of too many values");
  memo_[index] = values_.back();
  return absl::OkStatus();
}

absl::Status PickleStack::Recall(uint32_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("nothing in the memo at ", index));
  }
  values_.push_back(found->second);
  return absl::OkStatus();
}

absl::Status PickleStack::CheckSize() const {
  if (document_.values.size() <= kMaxValues && values_.size() <= kMaxStack) return absl::OkStatus();
  return absl::InvalidArgumentError("more values than any checkpoint needs");
}

}  // namespace magnet
