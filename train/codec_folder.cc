#include "train/codec_folder.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/atomic_file.h"
#include "model/checkpoint/codec_tensors.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/sha256.h"
#include "train/yaml_fields.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;

std::string CodecJson(const CodecConfig& codec) {
  const auto config = nlohmann::ordered_json::parse(FormatModelConfig(ModelAround(codec)));
  return config.at("codec").dump(/*indent=*/2) + "\n";
}

absl::StatusOr<std::string> ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path.string(), ": cannot be opened"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<CodecConfig> ReadConfig(const fs::path& folder) {
  const bool is_bundle = fs::exists(folder / "config.json");
  const fs::path path = folder / (is_bundle ? "config.json" : "codec.json");
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  if (is_bundle) {
    absl::StatusOr<ModelConfig> config = ParseModelConfig(*text);
    if (config.ok()) return config->codec;
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", config.status().message()));
  }
  CodecConfig codec;
  if (absl::Status status = ReadYamlFields(*text, path.string(), codec); !status.ok()) {
    return status;
  }
  return codec;
}

// By what decides the codes: sizes and centroids, as float16 so that a bundle's
// rounded copy of a codec is the same codec.
std::string Fingerprint(const CodecConfig& config, const TensorMap& tensors) {
  std::string bytes = CodecJson(config);
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with("quantizer.")) continue;
    const torch::Tensor stored = tensor.to(torch::kFloat).to(torch::kHalf).contiguous();
    bytes.append(static_cast<const char*>(stored.data_ptr()), stored.nbytes());
  }
  return Sha256Hex(bytes);
}

}  // namespace

absl::StatusOr<CodecFiles> ReadCodecFolder(const std::string& folder) {
  absl::StatusOr<CodecConfig> config = ReadConfig(folder);
  if (!config.ok()) return config.status();
  if (absl::Status status = CheckCodecConfig(*config, folder); !status.ok()) return status;
  absl::StatusOr<SafetensorsFile> file = ReadSafetensors(folder + "/codec.safetensors");
  if (!file.ok()) return file.status();
  const std::string fingerprint = Fingerprint(*config, file->tensors);
  return CodecFiles{*config, std::move(file->tensors), fingerprint};
}

absl::Status WriteCodecFolder(const CodecConfig& config, const TensorMap& tensors,
                              const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, ": cannot be created: ", error.message()));
  }
  absl::Status status = WriteSafetensors(tensors, {}, folder + "/codec.safetensors");
  if (!status.ok()) return status;
  return WriteFileAtomically(folder + "/codec.json", CodecJson(config));
}

absl::StatusOr<EncodecModel> MakeCodec(const CodecFiles& files) {
  EncodecModel codec(files.config);
  if (absl::Status status = LoadModule(files.tensors, "codec.safetensors", *codec); !status.ok()) {
    return status;
  }
  codec->eval();
  return codec;
}

}  // namespace magnet
