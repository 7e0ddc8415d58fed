// Writes checkpoints as torch.save does, for tests of what reads them.
#ifndef MAGNET_TESTS_TESTING_TORCH_ARCHIVE_WRITER_H_
#define MAGNET_TESTS_TESTING_TORCH_ARCHIVE_WRITER_H_

#include <map>
#include <string>
#include <variant>

#include "model/checkpoint/tensor_map.h"
#include "tests/testing/zip_writer.h"

namespace magnet {

// A dict of texts and dicts of tensors, as audiocraft exports.
using SavedDict = std::map<std::string, std::variant<std::string, TensorMap>>;

class TorchArchiveWriter {
 public:
  // The bytes of a file that holds `dict`; of a plain state dict.
  static std::string Write(const SavedDict& dict) {
    TorchArchiveWriter writer;
    writer.pickle_ = "\x80\x02";
    writer.Dict(dict);
    return writer.Finish();
  }
  static std::string Write(const TensorMap& tensors) {
    TorchArchiveWriter writer;
    writer.pickle_ = "\x80\x02";
    writer.Dict(tensors);
    return writer.Finish();
  }

 private:
  std::string Finish() {
    pickle_ += '.';
    records_["archive/data.pkl"] = pickle_;
    records_["archive/byteorder"] = "little";
    return ZipBytes(records_);
  }

  template <typename Map>
  void Dict(const Map& entries) {
    pickle_ += "}(";
    for (const auto& [key, value] : entries) {
      Text(key);
      Value(value);
    }
    pickle_ += 'u';
  }

  void Value(const std::variant<std::string, TensorMap>& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return Text(*text);
    Dict(std::get<TensorMap>(value));
  }

  void Value(const torch::Tensor& tensor) {
    ASSERT_EQ(tensor.scalar_type(), torch::kFloat32) << "the writer knows float32 only";
    const torch::Tensor values = tensor.contiguous();
    const std::string key = std::to_string(records_.size());
    records_["archive/data/" + key] =
        std::string(static_cast<const char*>(values.data_ptr()), values.nbytes());
    pickle_ += "ctorch._utils\n_rebuild_tensor_v2\n((";
    Text("storage");
    pickle_ += "ctorch\nFloatStorage\n";
    Text(key);
    Text("cpu");
    Int(values.numel());
    pickle_ += "tQ";
    Int(0);
    Extents(values.sizes());
    Extents(values.strides());
    pickle_ += "\x89}tR";
  }

  void Text(const std::string& text) { pickle_ += 'X' + LittleEndian(text.size(), 4) + text; }
  void Int(int64_t value) { pickle_ += 'J' + LittleEndian(static_cast<uint64_t>(value), 4); }
  void Extents(torch::IntArrayRef extents) {
    pickle_ += '(';
    for (const int64_t extent : extents) Int(extent);
    pickle_ += 't';
  }

  std::string pickle_;
  std::map<std::string, std::string> records_;
};

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_TORCH_ARCHIVE_WRITER_H_
