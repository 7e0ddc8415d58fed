#include "model/checkpoint/torch_archive.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr char kPickleRecord[] = "data.pkl";
constexpr char kByteOrderRecord[] = "byteorder";

absl::StatusOr<torch::Tensor> LoadStorage(const ZipArchive& archive, const PickleStorage& storage) {
  const absl::StatusOr<std::string_view> bytes = archive.Read(absl::StrCat("data/", storage.key));
  if (!bytes.ok()) return bytes.status();
  const size_t element_size = torch::elementSize(storage.dtype);
  if (bytes->size() % element_size != 0 ||
      bytes->size() / element_size != static_cast<uint64_t>(storage.num_elements)) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage \"", storage.key, "\": expected ", storage.num_elements,
                     " elements of ", element_size, " bytes, found ", bytes->size(), " bytes"));
  }
  const auto options = torch::TensorOptions().dtype(storage.dtype);
  if (bytes->empty()) return torch::empty({0}, options);
  char* data = archive.file()->mutable_data() + (bytes->data() - archive.file()->bytes().data());
  if (reinterpret_cast<uintptr_t>(data) % element_size != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage \"", storage.key, "\" is not aligned to its elements"));
  }
  if (storage.dtype == torch::kBool &&
      std::any_of(data, data + bytes->size(), [](char byte) { return byte != 0 && byte != 1; })) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage \"", storage.key, "\": expected bytes of 0 and 1 only"));
  }
  return torch::from_blob(
      data, {storage.num_elements}, [file = archive.file()](void*) {}, options);
}

}  // namespace

absl::StatusOr<PickleDocument> ReadTorchArchive(const std::string& path) {
  absl::StatusOr<std::shared_ptr<FileBytes>> file = FileBytes::Map(path);
  if (!file.ok()) return file.status();
  return ParseTorchArchive(*std::move(file));
}

absl::StatusOr<PickleDocument> ParseTorchArchive(std::shared_ptr<FileBytes> file,
                                                 ZipArchive::Checksums checksums) {
  const std::string path = file->path();
  const absl::StatusOr<ZipArchive> archive = ZipArchive::Open(std::move(file), checksums);
  if (!archive.ok()) return archive.status();
  if (archive->Contains(kByteOrderRecord)) {
    const absl::StatusOr<std::string_view> order = archive->Read(kByteOrderRecord);
    if (!order.ok()) return order.status();
    if (*order != "little") {
      return absl::InvalidArgumentError(absl::StrCat(path, ": expected the byte order \"little\""));
    }
  }
  const absl::StatusOr<std::string_view> pickle = archive->Read(kPickleRecord);
  if (!pickle.ok()) return pickle.status();
  absl::StatusOr<PickleDocument> document = ReadPickle(
      *pickle, [&](const PickleStorage& storage) { return LoadStorage(*archive, storage); });
  if (document.ok()) return document;
  return absl::Status(document.status().code(),
                      absl::StrCat(path, ": ", document.status().message()));
}

absl::StatusOr<TensorMap> StateDictTensors(const PickleValue& dict, const std::string& source) {
  if (dict.kind != PickleValue::Kind::kDict) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": expected a dict of tensors, found ",
                                                   std::string(KindName(dict.kind))));
  }
  TensorMap tensors;
  for (const auto& [key, value] : dict.entries) {
    if (key->kind != PickleValue::Kind::kString) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": a key that is no string"));
    }
    if (value->kind != PickleValue::Kind::kTensor) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": \"", key->text,
                                                     "\": expected a tensor, found ",
                                                     std::string(KindName(value->kind))));
    }
    if (!tensors.emplace(key->text, value->tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": \"", key->text, "\" occurs twice"));
    }
  }
  return tensors;
}

}  // namespace magnet
