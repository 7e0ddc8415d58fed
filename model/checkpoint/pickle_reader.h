// The part of Python's pickle that torch.save needs, and nothing else.
//
// A pickle is a program for a stack machine that may name any Python callable.
// This reader knows the opcodes and the few globals that tensors, dicts, lists,
// strings and numbers need and refuses every other one by name, so that a
// checkpoint can neither run code nor make us allocate more than a small
// multiple of its own size. (docs.python.org/3/library/pickletools)
#ifndef MAGNET_MODEL_CHECKPOINT_PICKLE_READER_H_
#define MAGNET_MODEL_CHECKPOINT_PICKLE_READER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"

namespace magnet {

// One value. Containers point to their items, which the document owns; a
// hostile pickle may make them contain themselves, so walk to a fixed depth.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kTuple,
    kList,
    kDict,
    kTensor,
    // Only while reading, or where a checkpoint holds a storage by itself.
    kGlobal,
    kStorage,
  };

  Kind kind = Kind::kNone;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;
  std::string text;                       // of a string; name of a global
  std::vector<const PickleValue*> items;  // of a tuple or list
  std::vector<std::pair<const PickleValue*, const PickleValue*>> entries;  // of a dict, in order
  torch::Tensor tensor;  // of a tensor; a storage's elements, flat

  // The value at a string key of a dict; null: not a dict or no such key.
  // Of equal keys the last counts, as in Python.
  const PickleValue* Find(std::string_view key) const;
};

// "dict", "int", ... for messages.
std::string_view KindName(PickleValue::Kind kind);

struct PickleDocument {
  std::deque<PickleValue> values;  // the arena: addresses stay
  const PickleValue* root = nullptr;
};

struct PickleStorage {
  std::string key;
  torch::Dtype dtype = torch::kFloat32;
  int64_t num_elements = 0;
};

// Gives the elements of a storage as a flat tensor of its type and count, or
// says why there are none.
using PickleStorageLoader = std::function<absl::StatusOr<torch::Tensor>(const PickleStorage&)>;

// Reads protocols 2 to 5. INVALID_ARGUMENT (or the loader's own code) says at
// which byte and why; every view of a tensor is checked against its storage.
absl::StatusOr<PickleDocument> ReadPickle(std::string_view bytes,
                                          const PickleStorageLoader& load_storage);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_PICKLE_READER_H_
