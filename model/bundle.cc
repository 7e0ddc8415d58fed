#include "model/bundle.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/checkpoint/atomic_file.h"
#include "model/checkpoint/file_bytes.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/sha256.h"
#include "model/checkpoint/tensor_shapes.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

constexpr char kConfigFile[] = "config.json";
constexpr char kLmFile[] = "lm.safetensors";
constexpr char kCodecFile[] = "codec.safetensors";
constexpr char kTextEncoderFile[] = "text_encoder.safetensors";
constexpr char kSpieceFile[] = "spiece.model";
constexpr char kReadmeFile[] = "README.md";
constexpr char kChecksumFile[] = "SHA256SUMS";
constexpr const char* kFiles[] = {kConfigFile,      kLmFile,     kCodecFile,
                                  kTextEncoderFile, kSpieceFile, kReadmeFile};

using Files = std::map<std::string, std::shared_ptr<FileBytes>>;
using Checksums = std::map<std::string, std::string>;  // by the names of files

absl::StatusOr<Files> MapFiles(const std::string& folder) {
  Files files;
  for (const char* name : kFiles) {
    absl::StatusOr<std::shared_ptr<FileBytes>> file =
        FileBytes::Map(absl::StrCat(folder, "/", name));
    if (file.ok()) {
      files[name] = *std::move(file);
    } else if (name != kReadmeFile || !absl::IsNotFound(file.status())) {
      return file.status();
    }
  }
  return files;
}

// A part at a time, or all of the bundle would be in memory before the first weight is loaded.
std::string HashFile(FileBytes& file) {
  constexpr size_t kPart = size_t{8} << 20;
  const std::string_view bytes = file.bytes();
  Sha256 hash;
  for (size_t begin = 0; begin < bytes.size(); begin += kPart) {
    hash.Add(bytes.substr(begin, kPart));
    file.Release(begin, std::min(begin + kPart, bytes.size()));
  }
  return hash.Hex();
}

// Several files at once, for a gigabyte takes a second; the largest first, or it would end last.
Checksums HashFiles(const Files& files) {
  Checksums sums;
  std::vector<std::pair<FileBytes*, std::string*>> work;
  for (const auto& [name, file] : files) work.emplace_back(file.get(), &sums[name]);
  std::sort(work.begin(), work.end(), [](const auto& a, const auto& b) {
    return a.first->bytes().size() > b.first->bytes().size();
  });
  std::atomic<size_t> next = 0;
  const auto hash = [&] {
    for (size_t i = next++; i < work.size(); i = next++) *work[i].second = HashFile(*work[i].first);
  };
  std::vector<std::jthread> others;
  const size_t most = std::min<size_t>(work.size(), std::thread::hardware_concurrency());
  for (size_t i = 1; i < most; ++i) others.emplace_back(hash);
  hash();
  others.clear();  // waits for them
  return sums;
}

absl::StatusOr<Checksums> ReadChecksums(const std::string& path) {
  const absl::StatusOr<std::shared_ptr<FileBytes>> sums = FileBytes::Map(path);
  if (!sums.ok()) return sums.status();
  Checksums expected;
  for (absl::string_view line : absl::StrSplit(std::string((*sums)->bytes()), '\n')) {
    if (line.empty()) continue;
    // 64 digits, a blank, a blank or '*', the name.
    if (line.size() < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*')) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": expected lines of sha256sum"));
    }
    expected[std::string(line.substr(66))] = absl::AsciiStrToLower(line.substr(0, 64));
  }
  return expected;
}

// The mapped bytes are what is checked, so that nothing can be exchanged
// between the check and the use.
absl::Status VerifyChecksums(const std::string& folder, const Files& files) {
  const std::string path = absl::StrCat(folder, "/", kChecksumFile);
  const absl::StatusOr<Checksums> expected = ReadChecksums(path);
  if (absl::IsNotFound(expected.status())) return absl::OkStatus();
  if (!expected.ok()) return expected.status();
  for (const auto& [name, found] : HashFiles(files)) {
    const auto sum = expected->find(name);
    if (sum == expected->end()) {
      return absl::DataLossError(absl::StrCat(path, ": does not list ", name));
    }
    if (found != sum->second) {
      return absl::DataLossError(absl::StrCat(files.at(name)->path(), ": expected the SHA-256 ",
                                              sum->second, ", found ", found));
    }
  }
  for (const auto& [name, sum] : *expected) {
    if (!files.contains(name)) {
      return absl::DataLossError(
          absl::StrCat(path, ": lists ", name, ", which is missing or no part of a bundle"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTensors(const std::shared_ptr<FileBytes>& file, const TensorShapes& shapes,
                         TensorMap& tensors) {
  absl::StatusOr<SafetensorsFile> parsed = ParseSafetensors(file);
  if (!parsed.ok()) return parsed.status();
  tensors = std::move(parsed->tensors);
  return CheckTensorShapes(tensors, file->path(), shapes);
}

absl::StatusOr<Bundle> OpenFiles(const std::string& folder) {
  absl::StatusOr<Files> files = MapFiles(folder);
  if (!files.ok()) return files.status();
  if (absl::Status status = VerifyChecksums(folder, *files); !status.ok()) return status;
  const FileBytes& config_file = *files->at(kConfigFile);
  absl::StatusOr<ModelConfig> config = ParseModelConfig(config_file.bytes());
  if (!config.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_file.path(), ": ", config.status().message()));
  }
  Bundle bundle;
  bundle.config = *std::move(config);
  const struct {
    const char* file;
    TensorShapes shapes;
    TensorMap& tensors;
  } parts[] = {
      {kLmFile, LmTensorShapes(bundle.config.lm), bundle.lm},
      {kCodecFile, CodecTensorShapes(bundle.config.codec), bundle.codec},
      {kTextEncoderFile, TextEncoderTensorShapes(bundle.config.text_encoder), bundle.text_encoder},
  };
  for (const auto& part : parts) {
    absl::Status status = ReadTensors(files->at(part.file), part.shapes, part.tensors);
    if (!status.ok()) return status;
  }
  bundle.spiece_model = std::string(files->at(kSpieceFile)->bytes());
  if (files->contains(kReadmeFile)) bundle.readme = std::string(files->at(kReadmeFile)->bytes());
  return bundle;
}

absl::Status WriteFiles(const Bundle& bundle, torch::Dtype dtype, const std::string& folder) {
  if (absl::Status status = CheckModelConfig(bundle.config); !status.ok()) return status;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnknownError(absl::StrCat(folder, ": ", error.message()));
  const auto path = [&](const char* name) { return absl::StrCat(folder, "/", name); };
  const std::pair<const char*, std::string> texts[] = {
      {kConfigFile, FormatModelConfig(bundle.config)},
      {kSpieceFile, bundle.spiece_model},
      {kReadmeFile, bundle.readme},
  };
  for (const auto& [name, text] : texts) {
    if (absl::Status status = WriteFileAtomically(path(name), text); !status.ok()) return status;
  }
  const std::pair<const char*, const TensorMap*> parts[] = {
      {kLmFile, &bundle.lm}, {kCodecFile, &bundle.codec}, {kTextEncoderFile, &bundle.text_encoder}};
  const SafetensorsWriteOptions options{.metadata = {{"format", "pt"}}, .floating_dtype = dtype};
  for (const auto& [name, tensors] : parts) {
    absl::Status status = WriteSafetensors(*tensors, options, path(name));
    if (!status.ok()) return status;
  }
  std::string sums;
  for (const char* name : kFiles) {
    const absl::StatusOr<std::shared_ptr<FileBytes>> file = FileBytes::Map(path(name));
    if (!file.ok()) return file.status();
    absl::StrAppend(&sums, Sha256Hex((*file)->bytes()), "  ", name, "\n");
  }
  return WriteFileAtomically(path(kChecksumFile), sums);
}

}  // namespace

absl::StatusOr<Bundle> OpenBundle(const std::string& folder) {
  absl::StatusOr<Bundle> bundle;
  const absl::Status status = CatchTorchErrors(folder, [&] {
    bundle = OpenFiles(folder);
    return bundle.status();
  });
  if (!status.ok()) return status;
  return bundle;
}

absl::Status WriteBundle(const Bundle& bundle, torch::Dtype dtype, const std::string& folder) {
  return CatchTorchErrors(folder, [&] { return WriteFiles(bundle, dtype, folder); });
}

}  // namespace magnet
