#include "model/checkpoint/huggingface_import.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "model/checkpoint/codec_tensors.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/tensor_shapes.h"
#include "model/checkpoint/torch_archive.h"
#include "model/strict_json.h"

namespace magnet {
namespace {

using nlohmann::json;

// Fields of a config.json; what is wrong with them is collected.
class HuggingFaceConfig {
 public:
  static absl::StatusOr<HuggingFaceConfig> Read(const std::string& path) {
    const absl::StatusOr<std::shared_ptr<FileBytes>> file = FileBytes::Map(path);
    if (!file.ok()) return file.status();
    absl::StatusOr<json> document = ParseStrictJson((*file)->bytes(), JsonLimits{});
    if (document.ok() && document->is_object()) {
      return HuggingFaceConfig(path, *std::move(document));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", document.ok() ? "expected an object" : document.status().message()));
  }

  int Int(const char* key, std::optional<int> fallback = std::nullopt) {
    const json* value = Find(key, fallback.has_value());
    if (value == nullptr) return fallback.value_or(0);
    return ToInt(key, *value);
  }

  double Double(const char* key, double fallback) {
    const json* value = Find(key, /*optional=*/true);
    if (value == nullptr) return fallback;
    if (value->is_number()) return value->get<double>();
    AddError(key, "expected a number");
    return fallback;
  }

  bool Bool(const char* key, bool fallback) {
    const json* value = Find(key, /*optional=*/true);
    if (value == nullptr) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    AddError(key, "expected true or false");
    return fallback;
  }

  std::string String(const char* key, const std::string& fallback) {
    const json* value = Find(key, /*optional=*/true);
    if (value == nullptr) return fallback;
    if (value->is_string()) return value->get<std::string>();
    AddError(key, "expected a string");
    return fallback;
  }

  std::vector<int> IntList(const char* key) {
    std::vector<int> values;
    const json* value = Find(key, /*optional=*/false);
    if (value == nullptr) return values;
    if (!value->is_array()) {
      AddError(key, "expected a list of integers");
      return values;
    }
    for (const json& item : *value) values.push_back(ToInt(key, item));
    return values;
  }

  void Require(const char* key, const std::string& fallback, const std::string& expected) {
    const std::string found = String(key, fallback);
    if (found != expected) AddError(key, absl::StrCat("expected ", expected, ", found ", found));
  }

  void AddError(const char* key, const std::string& error) {
    errors_.push_back(absl::StrCat(key, ": ", error));
  }

  absl::Status status() const {
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", absl::StrJoin(errors_, "; ")));
  }
  const std::string& path() const { return path_; }

 private:
  HuggingFaceConfig(std::string path, json document)
      : path_(std::move(path)), document_(std::move(document)) {}

  const json* Find(const char* key, bool optional) {
    const auto found = document_.find(key);
    if (found != document_.end() && !found->is_null()) return &*found;
    if (!optional) AddError(key, "missing");
    return nullptr;
  }

  int ToInt(const char* key, const json& value) {
    constexpr int64_t kMax = std::numeric_limits<int>::max();
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{kMax};
    if (fits) return value.get<int>();
    AddError(key, "expected an unsigned 31-bit integer");
    return 0;
  }

  std::string path_;
  json document_;
  std::vector<std::string> errors_;
};

struct Weights {
  std::string path;
  TensorMap tensors;
};

absl::StatusOr<Weights> ReadWeights(const std::string& folder) {
  Weights weights{.path = folder + "/model.safetensors", .tensors = {}};
  if (std::filesystem::exists(weights.path)) {
    absl::StatusOr<SafetensorsFile> file = ReadSafetensors(weights.path);
    if (!file.ok()) return file.status();
    weights.tensors = std::move(file->tensors);
    return weights;
  }
  weights.path = folder + "/pytorch_model.bin";
  if (!std::filesystem::exists(weights.path)) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": expected model.safetensors or pytorch_model.bin"));
  }
  const absl::StatusOr<PickleDocument> document = ReadTorchArchive(weights.path);
  if (!document.ok()) return document.status();
  absl::StatusOr<TensorMap> tensors = StateDictTensors(*document->root, weights.path);
  if (!tensors.ok()) return tensors.status();
  weights.tensors = *std::move(tensors);
  return weights;
}

TextEncoderConfig ReadT5Config(HuggingFaceConfig& file) {
  file.Require("model_type", "t5", "t5");
  TextEncoderConfig config;
  config.vocab_size = file.Int("vocab_size");
  config.d_model = file.Int("d_model");
  config.d_kv = file.Int("d_kv");
  config.d_ff = file.Int("d_ff");
  config.num_layers = file.Int("num_layers");
  config.num_heads = file.Int("num_heads");
  config.relative_attention_num_buckets = file.Int("relative_attention_num_buckets", 32);
  config.relative_attention_max_distance = file.Int("relative_attention_max_distance", 128);
  config.layer_norm_epsilon = file.Double("layer_norm_epsilon", 1e-6);
  const std::string projection = file.String("feed_forward_proj", "relu");
  config.gated_gelu = projection == "gated-gelu";
  if (!config.gated_gelu && projection != "relu") {
    file.AddError("feed_forward_proj", "expected relu or gated-gelu, found " + projection);
  }
  const auto check = [&](const char* key, int value, int max) {
    if (value < 1 || value > max) file.AddError(key, absl::StrCat("expected 1 to ", max));
  };
  check("num_layers", config.num_layers, 1'024);
  return config;
}

// Leaves what a text encoder has; older files store the embedding twice.
void KeepEncoder(TensorMap& tensors) {
  const auto embedding = tensors.find("encoder.embed_tokens.weight");
  if (embedding != tensors.end()) {
    tensors.emplace("shared.weight", embedding->second);
    tensors.erase("encoder.embed_tokens.weight");
  }
  for (auto item = tensors.begin(); item != tensors.end();) {
    const bool drop = absl::StartsWith(item->first, "decoder.") || item->first == "lm_head.weight";
    item = drop ? tensors.erase(item) : std::next(item);
  }
}

CodecConfig ReadEncodecConfig(HuggingFaceConfig& file) {
  file.Require("model_type", "encodec", "encodec");
  file.Require("norm_type", "weight_norm", "weight_norm");
  if (file.Int("audio_channels", 1) != 1) file.AddError("audio_channels", "expected 1");
  if (file.Bool("normalize", false)) file.AddError("normalize", "expected false");
  CodecConfig config;
  config.sample_rate_hz = file.Int("sampling_rate");
  config.num_filters = file.Int("num_filters");
  config.dimension = file.Int("hidden_size");
  config.ratios = file.IntList("upsampling_ratios");
  config.kernel_size = file.Int("kernel_size", 7);
  config.last_kernel_size = file.Int("last_kernel_size", 7);
  config.residual_kernel_size = file.Int("residual_kernel_size", 3);
  config.num_residual_layers = file.Int("num_residual_layers", 1);
  config.dilation_base = file.Int("dilation_growth_rate", 2);
  config.compress = file.Int("compress", 2);
  config.lstm_layers = file.Int("num_lstm_layers", 2);
  config.causal = file.Bool("use_causal_conv", true);
  config.conv_shortcut = file.Bool("use_conv_shortcut", true);
  config.trim_right_ratio = file.Double("trim_right_ratio", 1.0);
  config.codebook_size = file.Int("codebook_size");
  if (file.Int("codebook_dim", config.dimension) != config.dimension) {
    file.AddError("codebook_dim", "expected hidden_size");
  }
  const std::string pad_mode = file.String("pad_mode", "reflect");
  if (pad_mode == "constant") {
    config.pad_mode = PadMode::kConstant;
  } else if (pad_mode != "reflect") {
    file.AddError("pad_mode", "expected reflect or constant, found " + pad_mode);
  }
  return config;
}

// Codebooks follow from the bandwidths; the file itself says it more simply.
int CountCodebooks(const TensorMap& tensors) {
  int count = 0;
  while (tensors.contains(absl::StrCat("quantizer.layers.", count, ".codebook.embed"))) ++count;
  return count;
}

// Whether decoder.layers.`index` is a transposed convolution.
bool IsTransposedConv(const CodecConfig& config, int index) {
  const int first = config.lstm_layers > 0 ? 3 : 2;
  const int per_ratio = 2 + config.num_residual_layers;
  return index >= first && (index - first) % per_ratio == 0 &&
         (index - first) / per_ratio < static_cast<int>(config.ratios.size());
}

// audiocraft's name of a tensor; names of another form stay, and are reported
// as left over.
std::string AudiocraftName(const CodecConfig& config, const std::string& name) {
  std::vector<std::string> parts = absl::StrSplit(name, '.');
  if (parts.size() < 4 || parts[1] != "layers") return name;
  int index = 0;
  if (!absl::SimpleAtoi(parts[2], &index)) return name;
  if (parts[0] == "quantizer" && parts[3] == "codebook") {
    parts[1] = "vq.layers";
    parts[3] = "_codebook";
  } else if (parts[0] == "encoder" || parts[0] == "decoder") {
    parts[1] = "model";
    const bool transposed =
        parts[0] == "decoder" && parts[3] == "conv" && IsTransposedConv(config, index);
    for (std::string& part : parts) {
      if (part == "conv") part = transposed ? "convtr.convtr" : "conv.conv";
    }
  }
  return absl::StrJoin(parts, ".");
}

}  // namespace

absl::StatusOr<ImportedTextEncoder> ImportHuggingFaceT5(const std::string& folder) {
  absl::StatusOr<HuggingFaceConfig> file = HuggingFaceConfig::Read(folder + "/config.json");
  if (!file.ok()) return file.status();
  ImportedTextEncoder encoder;
  encoder.config = ReadT5Config(*file);
  if (absl::Status status = file->status(); !status.ok()) return status;
  absl::StatusOr<Weights> weights = ReadWeights(folder);
  if (!weights.ok()) return weights.status();
  encoder.tensors = std::move(weights->tensors);
  KeepEncoder(encoder.tensors);
  absl::Status status =
      CheckTensorShapes(encoder.tensors, weights->path, TextEncoderTensorShapes(encoder.config));
  if (!status.ok()) return status;
  const auto spiece = FileBytes::Map(folder + "/spiece.model");
  if (!spiece.ok()) return spiece.status();
  encoder.spiece_model = std::string((*spiece)->bytes());
  return encoder;
}

absl::StatusOr<ImportedCodec> ImportHuggingFaceEncodec(const std::string& folder,
                                                       int num_codebooks) {
  absl::StatusOr<HuggingFaceConfig> file = HuggingFaceConfig::Read(folder + "/config.json");
  if (!file.ok()) return file.status();
  ImportedCodec codec;
  codec.config = ReadEncodecConfig(*file);
  if (absl::Status status = file->status(); !status.ok()) return status;
  codec.config.num_codebooks = 1;  // counted below: the other sizes name what is counted
  if (absl::Status status = CheckCodecConfig(codec.config, file->path()); !status.ok()) {
    return status;
  }
  absl::StatusOr<Weights> weights = ReadWeights(folder);
  if (!weights.ok()) return weights.status();
  codec.config.num_codebooks = CountCodebooks(weights->tensors);
  for (auto& [name, tensor] : weights->tensors) {
    codec.tensors.emplace(AudiocraftName(codec.config, name), tensor);
  }
  absl::Status status =
      FinishCodecTensors(weights->path, num_codebooks, codec.config, codec.tensors);
  if (!status.ok()) return status;
  return codec;
}

}  // namespace magnet
