// The Python globals that a checkpoint of tensors may name, and what calling
// them makes.
#ifndef MAGNET_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_
#define MAGNET_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/pickle_reader.h"

namespace magnet {

class PickleGlobals {
 public:
  // New values go to `document`; both references must outlive this.
  PickleGlobals(PickleDocument& document, const PickleStorageLoader& load_storage)
      : document_(document), load_storage_(load_storage) {}

  // Whether `name` ("collections.OrderedDict") is one of them; the error names
  // it.
  static absl::Status Check(const std::string& name);

  absl::StatusOr<PickleValue*> Call(const std::string& name,
                                    const std::vector<const PickleValue*>& arguments);

  // The storage that torch's persistent id ("storage", type, key, place, count)
  // stands for.
  absl::StatusOr<PickleValue*> LoadStorage(const PickleValue& id);

 private:
  absl::StatusOr<PickleValue*> MakeDict(const std::vector<const PickleValue*>& arguments);
  absl::StatusOr<PickleValue*> MakeTensor(const std::vector<const PickleValue*>& arguments);
  PickleValue* NewValue(PickleValue::Kind kind);

  PickleDocument& document_;
  const PickleStorageLoader& load_storage_;
  std::map<std::string, PickleValue*> storages_;  // by type and key
  size_t num_copied_entries_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_
