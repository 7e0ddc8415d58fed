#include "model/cli/codes_file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/safetensors.h"
#include "model/torch.h"

namespace magnet {

absl::Status WriteCodesFile(const GivenCodes& codes, int num_codebooks, const std::string& path) {
  const torch::Tensor tensor = torch::tensor(codes.codes).view({num_codebooks, codes.num_frames});
  return WriteSafetensors({{"codes", tensor}}, {}, path);
}

absl::StatusOr<GivenCodes> ReadCodesFile(const std::string& path, int max_codebooks) {
  const auto file = ReadSafetensors(path);
  if (!file.ok()) return file.status();
  const auto found = file->tensors.find("codes");
  if (found == file->tensors.end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a tensor `codes`"));
  }
  const torch::Tensor& codes = found->second;
  const bool fits = codes.dim() == 2 && codes.size(0) >= 1 && codes.size(0) <= max_codebooks &&
                    codes.size(1) >= 1 && codes.scalar_type() == torch::kLong;
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": `codes`: expected int64 [1 to ", max_codebooks, ", at least 1], found ",
        c10::toString(codes.scalar_type()), " [", absl::StrJoin(codes.sizes(), ", "), "]"));
  }
  const torch::Tensor flat = codes.contiguous();
  GivenCodes given;
  given.num_frames = static_cast<int>(codes.size(1));
  given.codes.assign(flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel());
  return given;
}

}  // namespace magnet
