#include "model/checkpoint/pickle_reader.h"

#include <array>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle_globals.h"
#include "model/checkpoint/pickle_opcodes.h"
#include "model/checkpoint/pickle_stack.h"
#include "model/utf8.h"

namespace magnet {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxPickleBytes = 64 << 20;
constexpr int kMinProtocol = 2;
constexpr int kMaxProtocol = 5;

class PickleMachine : private PickleOpcode {
 public:
  PickleMachine(std::string_view bytes, const PickleStorageLoader& load_storage)
      : bytes_(bytes), globals_(document_, load_storage), stack_(document_) {}

  absl::StatusOr<PickleDocument> Run() {
    while (!stopped_) {
      op_position_ = position_;
      if (!Need(1)) return Located("ends without STOP");
      if (absl::Status status = Execute(Byte()); !status.ok()) {
        return Located(status.message(), status.code());
      }
      if (absl::Status status = stack_.CheckSize(); !status.ok()) {
        return Located(status.message(), status.code());
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
  static absl::Status NoMark() { return Error("no mark"); }

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

  absl::Status Execute(uint8_t opcode) {
    switch (opcode) {
      case kProto:
        return Proto();
      case kFrame:
        return Number<uint64_t>() ? absl::OkStatus() : CutOff();
      case kStop:
        return Stop();
      case kMark:
        return stack_.Mark();
      case kPop:
        return Pop();
      case kPopMark:
        return stack_.PopMark() ? absl::OkStatus() : NoMark();
      case kNone:
        stack_.Push(Kind::kNone);
        return absl::OkStatus();
      case kNewTrue:
        stack_.Push(Kind::kBool).boolean = true;
        return absl::OkStatus();
      case kNewFalse:
        stack_.Push(Kind::kBool);
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
        stack_.Push(Kind::kDict);
        return absl::OkStatus();
      case kEmptyList:
        stack_.Push(Kind::kList);
        return absl::OkStatus();
      case kEmptyTuple:
        stack_.Push(Kind::kTuple);
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
        return stack_.Memoize(static_cast<uint32_t>(stack_.memo_size()));
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

  absl::Status Pop() {
    if (absl::Status status = stack_.Require(1); !status.ok()) return status;
    stack_.Pop();
    return absl::OkStatus();
  }

  absl::Status Proto() {
    const auto protocol = Number<uint8_t>();
    if (!protocol) return CutOff();
    if (*protocol >= kMinProtocol && *protocol <= kMaxProtocol) return absl::OkStatus();
    return Error(absl::StrCat("expected protocol 2 to 5, found ", *protocol));
  }

  absl::Status Stop() {
    if (absl::Status status = stack_.Require(1); !status.ok()) return status;
    document_.root = stack_.Pop();
    stopped_ = true;
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status Int(std::optional<N> value) {
    if (!value) return CutOff();
    stack_.Push(Kind::kInt).integer = *value;
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
    stack_.Push(Kind::kInt).integer = static_cast<int64_t>(value);
    return absl::OkStatus();
  }

  absl::Status Float() {
    const auto bits = Number<uint64_t>();
    if (!bits) return CutOff();
    const uint64_t native = __builtin_bswap64(*bits);  // pickled big-endian
    std::memcpy(&stack_.Push(Kind::kFloat).real, &native, sizeof(native));
    return absl::OkStatus();
  }

  template <typename N>
  absl::Status String(std::optional<N> size) {
    if (!size || !Need(*size)) return CutOff();
    const std::string_view text = bytes_.substr(position_, *size);
    position_ += *size;
    if (!IsUtf8(text)) return Error("a string that is not UTF-8");
    stack_.Push(Kind::kString).text = std::string(text);
    return absl::OkStatus();
  }

  absl::Status Tuple(size_t count) {
    if (absl::Status status = stack_.Require(count); !status.ok()) return status;
    PickleStack::Items items = stack_.Pop(count);
    stack_.Push(Kind::kTuple).items = std::move(items);
    return absl::OkStatus();
  }

  absl::Status MarkedTuple() {
    auto items = stack_.PopMark();
    if (!items) return NoMark();
    stack_.Push(Kind::kTuple).items = *std::move(items);
    return absl::OkStatus();
  }

  absl::Status Append() {
    if (absl::Status status = stack_.Require(2); !status.ok()) return status;
    const PickleValue* item = stack_.Pop();
    PickleValue* list = stack_.Top(Kind::kList);
    if (list == nullptr) return Error("expected a list to append to");
    list->items.push_back(item);
    return absl::OkStatus();
  }

  absl::Status Appends() {
    const auto items = stack_.PopMark();
    if (!items) return NoMark();
    PickleValue* list = stack_.Top(Kind::kList);
    if (list == nullptr) return Error("expected a list to append to");
    list->items.insert(list->items.end(), items->begin(), items->end());
    return absl::OkStatus();
  }

  absl::Status SetItem() {
    if (absl::Status status = stack_.Require(3); !status.ok()) return status;
    const PickleValue* value = stack_.Pop();
    const PickleValue* key = stack_.Pop();
    PickleValue* dict = stack_.Top(Kind::kDict);
    if (dict == nullptr) return Error("expected a dict to set an item of");
    dict->entries.emplace_back(key, value);
    return absl::OkStatus();
  }

  absl::Status SetItems() {
    const auto items = stack_.PopMark();
    if (!items) return NoMark();
    PickleValue* dict = stack_.Top(Kind::kDict);
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
    return stack_.Memoize(*index);
  }

  template <typename N>
  absl::Status Get(std::optional<N> index) {
    if (!index) return CutOff();
    return stack_.Recall(*index);
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
    if (absl::Status status = stack_.Require(2); !status.ok()) return status;
    const PickleValue* name = stack_.Pop();
    const PickleValue* module = stack_.Pop();
    if (name->kind != Kind::kString || module->kind != Kind::kString) {
      return Error("a global whose name is no string");
    }
    return PushGlobal(absl::StrCat(module->text, ".", name->text));
  }

  absl::Status PushGlobal(const std::string& name) {
    if (absl::Status status = PickleGlobals::Check(name); !status.ok()) return status;
    stack_.Push(Kind::kGlobal).text = name;
    return absl::OkStatus();
  }

  absl::Status Reduce() {
    if (absl::Status status = stack_.Require(2); !status.ok()) return status;
    const PickleValue* arguments = stack_.Pop();
    const PickleValue* callable = stack_.Pop();
    if (callable->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
      return Error("expected a known global to be called with a tuple");
    }
    absl::StatusOr<PickleValue*> result = globals_.Call(callable->text, arguments->items);
    if (!result.ok()) return result.status();
    stack_.Push(*result);
    return absl::OkStatus();
  }

  // The state of an OrderedDict (a state dict's `_metadata`) says nothing about
  // tensors.
  absl::Status Build() {
    if (absl::Status status = stack_.Require(2); !status.ok()) return status;
    stack_.Pop();
    return stack_.Top(Kind::kDict) != nullptr ? absl::OkStatus()
                                              : Error("expected only a dict to have a state");
  }

  absl::Status PersistentId() {
    if (absl::Status status = stack_.Require(1); !status.ok()) return status;
    absl::StatusOr<PickleValue*> storage = globals_.LoadStorage(*stack_.Pop());
    if (!storage.ok()) return storage.status();
    stack_.Push(*storage);
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  size_t position_ = 0;
  size_t op_position_ = 0;
  bool stopped_ = false;
  PickleDocument document_;
  PickleGlobals globals_;
  PickleStack stack_;
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
  if (bytes.size() > kMaxPickleBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("pickle: expected at most ", kMaxPickleBytes, " bytes, found ", bytes.size()));
  }
  return PickleMachine(bytes, load_storage).Run();
}

}  // namespace magnet
