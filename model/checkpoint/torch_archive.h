// Files that torch.save wrote: a zip of a pickle and one record per storage.
#ifndef MAGNET_MODEL_CHECKPOINT_TORCH_ARCHIVE_H_
#define MAGNET_MODEL_CHECKPOINT_TORCH_ARCHIVE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/file_bytes.h"
#include "model/checkpoint/pickle_reader.h"
#include "model/checkpoint/tensor_map.h"
#include "model/checkpoint/zip_archive.h"

namespace magnet {

// The value that was saved. Its tensors are views of the mapped file, which
// they keep alive. Errors (INVALID_ARGUMENT, DATA_LOSS) name the file. Files of
// PyTorch before 1.6 (no zip) and of big-endian machines are refused.
absl::StatusOr<PickleDocument> ReadTorchArchive(const std::string& path);
absl::StatusOr<PickleDocument> ParseTorchArchive(
    std::shared_ptr<FileBytes> file,
    ZipArchive::Checksums checksums = ZipArchive::Checksums::kVerify);

// The tensors of a dict such as a module's state_dict(). INVALID_ARGUMENT,
// which opens with `source`, for keys that are no strings or that occur twice
// and for values that are no tensors.
absl::StatusOr<TensorMap> StateDictTensors(const PickleValue& dict, const std::string& source);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_TORCH_ARCHIVE_H_
