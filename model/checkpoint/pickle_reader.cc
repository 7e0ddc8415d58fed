#include "model/checkpoint/pickle_reader.h"

#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle_globals.h"
#include "model/utf8.h"

namespace magnet {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxBytes = 64 << 20;
constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxStack = 1'000'000;
constexpr size_t kMaxMemo = 2'000'000;
constexpr size_t kMaxMarks = 1'000;
constexpr int kMinProtocol = 2;
constexpr int kMaxProtocol = 5;

// Opcodes by the names that pickletools gives them.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

class Machine {
 public:
  Machine(std::string_view bytes, const PickleStorageLoader& load_storage)
      : bytes_(bytes), globals_(document_, load_storage) {}

  absl::StatusOr<PickleDocument> Run() {
    while (!stopped_) {
      op_position_ = position_;
      if (!Need(1)) return Located("ends without STOP");
      if (absl::Status status = Execute(Byte()); !status.ok()) {
        return Located(status.message(), status.code());
      }
      if (document_.values.size() > kMaxValues || stack_.size() > kMaxStack) {
        return Located("more values than any checkpoint needs");
      }
    }
    return std::move(document_);
  }

 private:
  absl::Status Located(absl::string_view error,
                       absl::StatusCode code = absl::StatusCode::kInvalidArgument) const {
    return absl::Status(code, absl::StrCat("pickle, byte ", op_position_, ": ", error));
  }
  static absl::Status Error(absl::string_view error) { return absl::InvalidArgumentError(error); }
  static absl::Status CutOff() { return Error("cut off"); }
  static absl::Status Underflow() { return Error("stack underflow"); }

  bool Need(size_t count) const { return count <= bytes_.size() - position_; }
  uint8_t Byte() { return static_cast<uint8_t>(bytes_[position_++]); }

  template <typename N>
  std::optional<N> Number() {
    if (!Need(sizeof(N))) return std::nullopt;
    N value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(N));
    position_ += sizeof(N);
    return value;
  }

  PickleValue& Push(Kind kind) {
    PickleValue& value = document_.values.emplace_back();
    value.kind = kind;
    stack_.push_back(&value);
    return value;
  }

  // How far the stack may be popped: not below the innermost mark.
  size_t Available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  PickleValue* Pop() {
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  // Takes what lies above the innermost mark, and the mark.
  std::optional<std::vector<const PickleValue*>> PopMark() {
    if (marks_.empty()) return std::nullopt;
    std::vector<const PickleValue*> items(stack_.begin() + marks_.back(), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  absl::Status Execute(uint8_t opcode) {
    switch (opcode) {
      case kProto:
        return Proto();
      case kFrame:
        return Number<uint64_t>() ? absl::OkStatus() : CutOff();
      case kStop:
        return Stop();
      case kMark:
        if (marks_.size() >= kMaxMarks) return Error("marks nested too deep");
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case kPop:
        if (Available() < 1) return Underflow();
        Pop();
        return absl::OkStatus();
      case kPopMark:
        return PopMark() ? absl::OkStatus() : Error("no mark");
      case kNone:
        Push(Kind::kNone);
        return absl::OkStatus();
      case kNewTrue:
        Push(Kind::kBool).boolean = true;
        return absl::OkStatus();
      case kNewFalse:
        Push(Kind::kBool);
        return absl::OkStatus();
      case kBinInt:
        return Int(Number<int32_t>());
      case kBinInt1:
        return Int(Number<uint8_t>());
      case kBinInt2:
        return Int(Number<uint16_t>());
      case kLong1:
        return Long();
      case kBinFloat:
        return Float();
      case kBinUnicode:
        return String(Number<uint32_t>());
      case kShortBinUnicode:
        return String(Number<uint8_t>());
      case kBinUnicode8:
        return String(Number<uint64_t>());
      case kBinString:
        return String(Number<uint32_t>());
      case kShortBinString:
        return String(Number<uint8_t>());
      case kEmptyDict:
        Push(Kind::kDict);
        return absl::OkStatus();
      case kEmptyList:
        Push(Kind::kList);
        return absl::OkStatus();
      case kEmptyTuple:
        Push(Kind::kTuple);
        return absl::OkStatus();
      case kTuple:
        return MarkedTuple();
      case kTuple1:
        return Tuple(1);
      case kTuple2:
        return Tuple(2);
      case kTuple3:
        return Tuple(3);
      case kAppend:
        return Append();
      case kAppends:
        return Appends();
      case kSetItem:
        return SetItem();
      case kSetItems:
        return SetItems();
      case kBinPut:
        return Put(Number<uint8_t>());
      case kLongBinPut:
        return Put(Number<uint32_t>());
      case kMemoize:
        return Put(std::optional<uint32_t>(memo_.size()));
      case kBinGet:
        return Get(Number<uint8_t>());
      case kLongBinGet:
        return Get(Number<uint32_t>());
      case kGlobal:
        return Global();
      case kStackGlobal:
        return StackGlobal();
      case kReduce:
        return Reduce();
      case kBuild:
        return Build();
      case kBinPersId:
        return PersistentId();
      default:
        return Error(absl::StrCat("opcode 0x", absl::Hex(opcode, absl::kZeroPad2),
                                  " is not needed for tensors and is refused"));
    }
  }

  absl::Status Proto() {
    const auto protocol = Number<uint8_t>();
    if (!protocol) return CutOff();
    if (*protocol >= kMinProtocol && *protocol <= kMaxProtocol) return absl::OkStatus();
    return Error(absl::StrCat("expected protocol 2 to 5, found ", *protocol));
  }

  absl::Status Stop() {
    if (Available() < 1) return Underflow();
    document_.root = Pop();
    stopped_ = true;
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status Int(std::optional<N> value) {
    if (!value) return CutOff();
    Push(Kind::kInt).integer = *value;
    return absl::OkStatus();
  }

  // A little-endian two's complement number of up to 8 bytes.
  absl::Status Long() {
    const auto size = Number<uint8_t>();
    if (!size || !Need(*size)) return CutOff();
    if (*size > 8) return Error("an integer of more than 64 bits");
    uint64_t value = 0;
    for (int i = 0; i < *size; ++i) value |= uint64_t{Byte()} << (8 * i);
    if (*size > 0 && *size < 8 && (value >> (8 * *size - 1)) != 0) {
      value |= ~uint64_t{0} << (8 * *size);
    }
    Push(Kind::kInt).integer = static_cast<int64_t>(value);
    return absl::OkStatus();
  }

  absl::Status Float() {
    const auto bits = Number<uint64_t>();
    if (!bits) return CutOff();
    const uint64_t native = __builtin_bswap64(*bits);  // pickled big-endian
    std::memcpy(&Push(Kind::kFloat).real, &native, sizeof(native));
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status String(std::optional<N> size) {
    if (!size || !Need(*size)) return CutOff();
    const std::string_view text = bytes_.substr(position_, *size);
    position_ += *size;
    if (!IsUtf8(text)) return Error("a string that is not UTF-8");
    Push(Kind::kString).text = std::string(text);
    return absl::OkStatus();
  }

  absl::Status Tuple(size_t count) {
    if (Available() < count) return Underflow();
    std::vector<const PickleValue*> items(stack_.end() - count, stack_.end());
    stack_.resize(stack_.size() - count);
    Push(Kind::kTuple).items = std::move(items);
    return absl::OkStatus();
  }

  absl::Status MarkedTuple() {
    auto items = PopMark();
    if (!items) return Error("no mark");
    Push(Kind::kTuple).items = *std::move(items);
    return absl::OkStatus();
  }

  // The value on top of the stack, if it is of this kind.
  PickleValue* Top(Kind kind) {
    return Available() >= 1 && stack_.back()->kind == kind ? stack_.back() : nullptr;
  }

  absl::Status Append() {
    if (Available() < 2) return Underflow();
    const PickleValue* item = Pop();
    PickleValue* list = Top(Kind::kList);
    if (list == nullptr) return Error("expected a list to append to");
    list->items.push_back(item);
    return absl::OkStatus();
  }

  absl::Status Appends() {
    const auto items = PopMark();
    if (!items) return Error("no mark");
    PickleValue* list = Top(Kind::kList);
    if (list == nullptr) return Error("expected a list to append to");
    list->items.insert(list->items.end(), items->begin(), items->end());
    return absl::OkStatus();
  }

  absl::Status SetItem() {
    if (Available() < 3) return Underflow();
    const PickleValue* value = Pop();
    const PickleValue* key = Pop();
    PickleValue* dict = Top(Kind::kDict);
    if (dict == nullptr) return Error("expected a dict to set an item of");
    dict->entries.emplace_back(key, value);
    return absl::OkStatus();
  }

  absl::Status SetItems() {
    const auto items = PopMark();
    if (!items) return Error("no mark");
    PickleValue* dict = Top(Kind::kDict);
    if (dict == nullptr) return Error("expected a dict to set items of");
    if (items->size() % 2 != 0) return Error("a key without a value");
    for (size_t i = 0; i < items->size(); i += 2) {
      dict->entries.emplace_back((*items)[i], (*items)[i + 1]);
    }
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status Put(std::optional<N> index) {
    if (!index) return CutOff();
    if (Available() < 1) return Underflow();
    if (memo_.size() >= kMaxMemo) return Error("a memo of too many values");
    memo_[*index] = stack_.back();
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status Get(std::optional<N> index) {
    if (!index) return CutOff();
    const auto found = memo_.find(*index);
    if (found == memo_.end()) return Error(absl::StrCat("nothing in the memo at ", *index));
    stack_.push_back(found->second);
    return absl::OkStatus();
  }

  std::optional<std::string> Line() {
    constexpr size_t kMaxLine = 256;
    const size_t end = bytes_.substr(position_, kMaxLine).find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string line(bytes_.substr(position_, end));
    position_ += end + 1;
    return line;
  }

  absl::Status Global() {
    const auto module = Line();
    const auto name = Line();
    if (!module || !name) return CutOff();
    return PushGlobal(absl::StrCat(*module, ".", *name));
  }

  absl::Status StackGlobal() {
    if (Available() < 2) return Underflow();
    const PickleValue* name = Pop();
    const PickleValue* module = Pop();
    if (name->kind != Kind::kString || module->kind != Kind::kString) {
      return Error("a global whose name is no string");
    }
    return PushGlobal(absl::StrCat(module->text, ".", name->text));
  }

  absl::Status PushGlobal(const std::string& name) {
    if (absl::Status status = PickleGlobals::Check(name); !status.ok()) return status;
    Push(Kind::kGlobal).text = name;
    return absl::OkStatus();
  }

  absl::Status Reduce() {
    if (Available() < 2) return Underflow();
    const PickleValue* arguments = Pop();
    const PickleValue* callable = Pop();
    if (callable->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
      return Error("expected a known global to be called with a tuple");
    }
    absl::StatusOr<PickleValue*> result = globals_.Call(callable->text, arguments->items);
    if (!result.ok()) return result.status();
    stack_.push_back(*result);
    return absl::OkStatus();
  }

  // The state of an OrderedDict (a state dict's `_metadata`) says nothing about
  // tensors.
  absl::Status Build() {
    if (Available() < 2) return Underflow();
    Pop();
    return Top(Kind::kDict) != nullptr ? absl::OkStatus()
                                       : Error("expected only a dict to have a state");
  }

  absl::Status PersistentId() {
    if (Available() < 1) return Underflow();
    absl::StatusOr<PickleValue*> storage = globals_.LoadStorage(*Pop());
    if (!storage.ok()) return storage.status();
    stack_.push_back(*storage);
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  size_t position_ = 0;
  size_t op_position_ = 0;
  bool stopped_ = false;
  PickleDocument document_;
  PickleGlobals globals_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

}  // namespace

const PickleValue* PickleValue::Find(std::string_view key) const {
  if (kind != Kind::kDict) return nullptr;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->first->kind == Kind::kString && entry->first->text == key) return entry->second;
  }
  return nullptr;
}

std::string_view KindName(PickleValue::Kind kind) {
  constexpr std::array<std::string_view, 11> kNames = {"None",   "bool",   "int",    "float",
                                                       "str",    "tuple",  "list",   "dict",
                                                       "tensor", "global", "storage"};
  return kNames[static_cast<size_t>(kind)];
}

absl::StatusOr<PickleDocument> ReadPickle(std::string_view bytes,
                                          const PickleStorageLoader& load_storage) {
  if (bytes.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("pickle: expected at most ", kMaxBytes, " bytes, found ", bytes.size()));
  }
  return Machine(bytes, load_storage).Run();
}

}  // namespace magnet
