#include "model/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/atomic_file.h"
#include "model/strict_json.h"

namespace magnet {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxHeaderBytes = 32 << 20;
constexpr size_t kMaxDimensions = 16;
constexpr std::string_view kMetadataKey = "__metadata__";

struct DtypeName {
  std::string_view name;
  torch::Dtype dtype;
};

constexpr DtypeName kDtypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool},
};

struct TensorEntry {
  std::string name;
  torch::Dtype dtype = torch::kFloat32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes from the start of the data
  uint64_t end = 0;
};

class Parser {
 public:
  explicit Parser(std::shared_ptr<FileBytes> file) : file_(std::move(file)) {}

  absl::StatusOr<SafetensorsFile> Run() {
    if (absl::Status status = ReadHeader(); !status.ok()) return status;
    if (absl::Status status = CheckTiling(); !status.ok()) return status;
    for (const TensorEntry& entry : entries_) {
      if (absl::Status status = MakeTensor(entry); !status.ok()) return status;
    }
    return std::move(result_);
  }

 private:
  template <typename... Parts>
  absl::Status Error(const Parts&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(file_->path(), ": ", parts...));
  }

  template <typename... Parts>
  absl::Status TensorError(const std::string& name, const Parts&... parts) const {
    return Error("tensor \"", name, "\": ", parts...);
  }

  absl::Status ReadHeader() {
    const std::string_view bytes = file_->bytes();
    if (bytes.size() < kLengthBytes) {
      return Error("expected a safetensors file, found only ", bytes.size(), " bytes");
    }
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), kLengthBytes);
    if (length > bytes.size() - kLengthBytes || length > kMaxHeaderBytes) {
      return Error("expected a header of at most ",
                   std::min<uint64_t>(bytes.size() - kLengthBytes, kMaxHeaderBytes),
                   " bytes, found a length of ", length);
    }
    data_start_ = kLengthBytes + length;
    const JsonLimits limits{.max_bytes = kMaxHeaderBytes, .max_depth = 4, .max_values = 4'000'000};
    absl::StatusOr<json> header = ParseStrictJson(bytes.substr(kLengthBytes, length), limits);
    if (!header.ok()) return Error("header: ", header.status().message());
    if (!header->is_object()) return Error("header: expected an object");
    for (const auto& [name, value] : header->items()) {
      absl::Status status = name == kMetadataKey ? ReadMetadata(value) : ReadEntry(name, value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadMetadata(const json& value) {
    if (!value.is_object()) return Error("__metadata__: expected an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) return Error("__metadata__: expected strings only");
      result_.metadata[key] = text.get<std::string>();
    }
    return absl::OkStatus();
  }

  absl::Status ReadEntry(const std::string& name, const json& value) {
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
        !value.contains("shape") || !value.contains("data_offsets")) {
      return TensorError(name, "expected exactly dtype, shape and data_offsets");
    }
    TensorEntry entry{.name = name, .shape = {}};
    const json& dtype = value["dtype"];
    const auto* known = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& d) {
      return dtype.is_string() && dtype.get_ref<const std::string&>() == d.name;
    });
    if (known == std::end(kDtypes)) {
      return TensorError(name,
                         "dtype: expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or "
                         "BOOL, found ",
                         dtype.dump().substr(0, 40));
    }
    entry.dtype = known->dtype;
    const json& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      return TensorError(name, "data_offsets: expected two unsigned integers");
    }
    entry.begin = offsets[0].get<uint64_t>();
    entry.end = offsets[1].get<uint64_t>();
    if (absl::Status status = ReadShape(value["shape"], entry); !status.ok()) return status;
    entries_.push_back(std::move(entry));
    return absl::OkStatus();
  }

  absl::Status ReadShape(const json& shape, TensorEntry& entry) {
    if (!shape.is_array() || shape.size() > kMaxDimensions) {
      return TensorError(entry.name, "shape: expected at most ", kMaxDimensions, " dimensions");
    }
    const uint64_t data_size = file_->bytes().size() - data_start_;
    if (entry.begin > entry.end || entry.end > data_size) {
      return TensorError(entry.name, "data_offsets: expected a range within the ", data_size,
                         " bytes of data, found [", entry.begin, ", ", entry.end, ")");
    }
    uint64_t num_bytes = torch::elementSize(entry.dtype);
    auto extent = static_cast<int64_t>(num_bytes);  // strides count a size of 0 as 1
    for (const json& value : shape) {
      if (!value.is_number_unsigned() || value.get<uint64_t>() > (uint64_t{1} << 40)) {
        return TensorError(entry.name, "shape: expected sizes from 0 to 2^40");
      }
      const uint64_t size = value.get<uint64_t>();
      entry.shape.push_back(static_cast<int64_t>(size));
      if (__builtin_mul_overflow(extent, std::max<uint64_t>(size, 1), &extent)) {
        return TensorError(entry.name, "shape: more elements than can be counted");
      }
      num_bytes *= size;
    }
    if (num_bytes != entry.end - entry.begin) {
      return TensorError(entry.name, "expected ", num_bytes, " bytes by its shape, found ",
                         entry.end - entry.begin, " by its data_offsets");
    }
    return absl::OkStatus();
  }

  absl::Status CheckTiling() {
    std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    uint64_t end = 0;
    for (const TensorEntry& entry : entries_) {
      if (entry.begin != end) {
        return TensorError(entry.name, "data_offsets: expected to begin at ", end,
                           ", where the tensor before ends, found ", entry.begin);
      }
      end = entry.end;
    }
    const uint64_t data_size = file_->bytes().size() - data_start_;
    if (end == data_size) return absl::OkStatus();
    return Error("expected ", end, " bytes of data by the header, found ", data_size);
  }

  absl::Status MakeTensor(const TensorEntry& entry) {
    const auto options = torch::TensorOptions().dtype(entry.dtype);
    const size_t begin = data_start_ + entry.begin, num_bytes = entry.end - entry.begin;
    char* data = file_->mutable_data() + begin;
    if (entry.dtype == torch::kBool &&
        std::any_of(data, data + num_bytes, [](char byte) { return byte != 0 && byte != 1; })) {
      return TensorError(entry.name, "expected BOOL bytes of 0 and 1 only");
    }
    torch::Tensor& tensor = result_.tensors[entry.name];
    const bool aligned = reinterpret_cast<uintptr_t>(data) % torch::elementSize(entry.dtype) == 0;
    if (num_bytes == 0 || !aligned) {
      tensor = torch::empty(entry.shape, options);
      if (num_bytes > 0) std::memcpy(tensor.data_ptr(), data, num_bytes);
    } else {
      tensor = torch::from_blob(
          data, entry.shape,
          [file = file_, begin, end = begin + num_bytes](void*) { file->Release(begin, end); },
          options);
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<FileBytes> file_;
  size_t data_start_ = 0;
  std::vector<TensorEntry> entries_;
  SafetensorsFile result_;
};

torch::Dtype StoredDtype(const torch::Tensor& tensor, const SafetensorsWriteOptions& options) {
  return tensor.is_floating_point() && options.floating_dtype.has_value() ? *options.floating_dtype
                                                                          : tensor.scalar_type();
}

// The entries in the order of the data: wide types first, which aligns all.
absl::StatusOr<std::vector<TensorEntry>> PlanEntries(const TensorMap& tensors,
                                                     const SafetensorsWriteOptions& options,
                                                     const std::string& path) {
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    const torch::Dtype dtype = StoredDtype(tensor, options);
    const bool known = std::any_of(std::begin(kDtypes), std::end(kDtypes),
                                   [&](const auto& d) { return d.dtype == dtype; });
    if (!known || name == kMetadataKey || tensor.dim() > static_cast<int64_t>(kMaxDimensions)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": tensor \"", name, "\" cannot be stored (type ",
                       torch::toString(dtype), ", ", tensor.dim(), " dimensions)"));
    }
    entries.push_back({.name = name, .dtype = dtype, .shape = tensor.sizes().vec()});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return torch::elementSize(a.dtype) > torch::elementSize(b.dtype);
  });
  uint64_t end = 0;
  for (TensorEntry& entry : entries) {
    entry.begin = end;
    end += torch::elementSize(entry.dtype) * tensors.at(entry.name).numel();
    entry.end = end;
  }
  return entries;
}

std::string FormatHeader(const std::vector<TensorEntry>& entries,
                         const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header[std::string(kMetadataKey)] = metadata;
  for (const TensorEntry& entry : entries) {
    const auto* dtype = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                     [&](const auto& d) { return d.dtype == entry.dtype; });
    header[entry.name] = {{"dtype", std::string(dtype->name)},
                          {"shape", entry.shape},
                          {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  const uint64_t length = text.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes + text;
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path) {
  absl::StatusOr<std::shared_ptr<FileBytes>> file = FileBytes::Map(path);
  if (!file.ok()) return file.status();
  return ParseSafetensors(*std::move(file));
}

absl::StatusOr<SafetensorsFile> ParseSafetensors(std::shared_ptr<FileBytes> file) {
  return Parser(std::move(file)).Run();
}

absl::Status WriteSafetensors(const TensorMap& tensors, const SafetensorsWriteOptions& options,
                              const std::string& path) {
  absl::StatusOr<std::vector<TensorEntry>> entries = PlanEntries(tensors, options, path);
  if (!entries.ok()) return entries.status();
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  absl::Status status = file->Write(FormatHeader(*entries, options.metadata));
  for (const TensorEntry& entry : *entries) {
    if (!status.ok()) return status;
    const torch::Tensor tensor =
        tensors.at(entry.name).detach().to(torch::kCPU, entry.dtype).contiguous();
    status = file->Write({static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()});
  }
  if (!status.ok()) return status;
  return file->Commit();
}

}  // namespace magnet
