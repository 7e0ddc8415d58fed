#include "model/checkpoint/pickle_globals.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

using Kind = PickleValue::Kind;
using Arguments = std::vector<const PickleValue*>;

constexpr size_t kMaxDimensions = 16;
constexpr size_t kMaxCopiedEntries = 1'000'000;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kSize = "torch.Size";

struct StorageType {
  std::string_view global;
  torch::Dtype dtype;
};

constexpr std::array<StorageType, 10> kStorageTypes = {{
    {"torch.DoubleStorage", torch::kFloat64},
    {"torch.FloatStorage", torch::kFloat32},
    {"torch.HalfStorage", torch::kFloat16},
    {"torch.BFloat16Storage", torch::kBFloat16},
    {"torch.LongStorage", torch::kInt64},
    {"torch.IntStorage", torch::kInt32},
    {"torch.ShortStorage", torch::kInt16},
    {"torch.CharStorage", torch::kInt8},
    {"torch.ByteStorage", torch::kUInt8},
    {"torch.BoolStorage", torch::kBool},
}};

const StorageType* FindStorageType(std::string_view name) {
  for (const StorageType& type : kStorageTypes) {
    if (type.global == name) return &type;
  }
  return nullptr;
}

absl::Status Error(absl::string_view error) { return absl::InvalidArgumentError(error); }

// The sizes or strides of a tensor: a tuple of non-negative integers.
std::optional<std::vector<int64_t>> ReadExtents(const PickleValue& value) {
  if (value.kind != Kind::kTuple || value.items.size() > kMaxDimensions) return std::nullopt;
  std::vector<int64_t> extents;
  for (const PickleValue* item : value.items) {
    if (item->kind != Kind::kInt || item->integer < 0) return std::nullopt;
    extents.push_back(item->integer);
  }
  return extents;
}

struct TensorView {
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

// Every element lies in the storage, and there are no more of them than the
// storage has: strides of 0 could otherwise stand for any amount of memory.
bool FitsStorage(const TensorView& view, int64_t storage_elements) {
  int64_t count = 1;
  int64_t last = view.offset;
  bool empty = false;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    int64_t reach = 0;
    if (view.sizes[i] == 0) empty = true;
    if (view.sizes[i] > storage_elements && !empty) return false;
    if (__builtin_mul_overflow(count, view.sizes[i], &count) ||
        __builtin_mul_overflow(std::max<int64_t>(view.sizes[i] - 1, 0), view.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  if (empty) return view.offset <= storage_elements && last <= storage_elements;
  return count <= storage_elements && last < storage_elements;
}

}  // namespace

absl::Status PickleGlobals::Check(const std::string& name) {
  if (name == kOrderedDict || name == kRebuildTensor || name == kRebuildParameter ||
      name == kSize || FindStorageType(name) != nullptr) {
    return absl::OkStatus();
  }
  return Error(absl::StrCat("the Python object \"", name,
                            "\" is refused: only tensors, dicts, lists, strings and numbers "
                            "are read"));
}

absl::StatusOr<PickleValue*> PickleGlobals::Call(const std::string& name,
                                                 const Arguments& arguments) {
  if (name == kOrderedDict) return MakeDict(arguments);
  if (name == kRebuildTensor) return MakeTensor(arguments);
  if (name == kRebuildParameter && !arguments.empty() && arguments[0]->kind == Kind::kTensor) {
    PickleValue* parameter = NewValue(Kind::kTensor);
    parameter->tensor = arguments[0]->tensor;
    return parameter;
  }
  if (name == kSize && arguments.size() == 1) {
    if (const auto sizes = ReadExtents(*arguments[0])) {
      PickleValue* tuple = NewValue(Kind::kTuple);
      tuple->items = arguments[0]->items;
      return tuple;
    }
  }
  return Error(absl::StrCat(name, " is called with other arguments than torch.save writes"));
}

absl::StatusOr<PickleValue*> PickleGlobals::LoadStorage(const PickleValue& id) {
  const Arguments& items = id.items;
  if (id.kind != Kind::kTuple || items.size() != 5 || items[0]->kind != Kind::kString ||
      items[0]->text != "storage" || items[1]->kind != Kind::kGlobal ||
      items[2]->kind != Kind::kString || items[4]->kind != Kind::kInt || items[4]->integer < 0) {
    return Error("a persistent id that is no storage");
  }
  const StorageType* type = FindStorageType(items[1]->text);
  if (type == nullptr) return Error(absl::StrCat(items[1]->text, " is no type of storage"));
  PickleValue*& storage = storages_[absl::StrCat(items[1]->text, " ", items[2]->text)];
  if (storage == nullptr) {
    absl::StatusOr<torch::Tensor> elements = load_storage_(
        {.key = items[2]->text, .dtype = type->dtype, .num_elements = items[4]->integer});
    if (!elements.ok()) return elements.status();
    storage = NewValue(Kind::kStorage);
    storage->tensor = *std::move(elements);
  }
  if (storage->tensor.numel() != items[4]->integer) {
    return Error(absl::StrCat("storage \"", items[2]->text, "\" is given two sizes"));
  }
  return storage;
}

absl::StatusOr<PickleValue*> PickleGlobals::MakeDict(const Arguments& arguments) {
  const bool from_pairs = arguments.size() == 1 &&
                          (arguments[0]->kind == Kind::kList || arguments[0]->kind == Kind::kTuple);
  if (!arguments.empty() && !from_pairs) {
    return Error("an OrderedDict of something that is no list of pairs");
  }
  PickleValue* dict = NewValue(Kind::kDict);
  if (!from_pairs) return dict;
  num_copied_entries_ += arguments[0]->items.size();
  if (num_copied_entries_ > kMaxCopiedEntries) return Error("too many entries of OrderedDicts");
  for (const PickleValue* pair : arguments[0]->items) {
    if ((pair->kind != Kind::kTuple && pair->kind != Kind::kList) || pair->items.size() != 2) {
      return Error("an OrderedDict of something that is no list of pairs");
    }
    dict->entries.emplace_back(pair->items[0], pair->items[1]);
  }
  return dict;
}

absl::StatusOr<PickleValue*> PickleGlobals::MakeTensor(const Arguments& arguments) {
  if (arguments.size() < 4 || arguments[0]->kind != Kind::kStorage ||
      arguments[1]->kind != Kind::kInt) {
    return Error("a tensor without storage, offset, sizes and strides");
  }
  const auto sizes = ReadExtents(*arguments[2]);
  const auto strides = ReadExtents(*arguments[3]);
  if (!sizes || !strides || sizes->size() != strides->size()) {
    return Error("a tensor whose sizes and strides do not go together");
  }
  const torch::Tensor& storage = arguments[0]->tensor;
  const TensorView view{arguments[1]->integer, *sizes, *strides};
  if (view.offset < 0 || !FitsStorage(view, storage.numel())) {
    return Error(
        absl::StrCat("a tensor that reaches beyond its storage of ", storage.numel(), " elements"));
  }
  PickleValue* tensor = NewValue(Kind::kTensor);
  tensor->tensor = storage.as_strided(view.sizes, view.strides, view.offset);
  return tensor;
}

PickleValue* PickleGlobals::NewValue(Kind kind) {
  PickleValue& value = document_.values.emplace_back();
  value.kind = kind;
  return &value;
}

}  // namespace magnet
