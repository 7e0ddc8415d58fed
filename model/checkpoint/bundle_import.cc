#include "model/checkpoint/bundle_import.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/audiocraft_import.h"
#include "model/checkpoint/huggingface_import.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;

constexpr char kCodecFile[] = "compression_state_dict.bin";

std::string LmPath(const std::string& lm) {
  return fs::is_directory(lm) ? lm + "/state_dict.bin" : lm;
}

absl::StatusOr<ImportedCodec> ImportCodec(const ImportRequest& request, int num_codebooks) {
  std::string codec = request.codec;
  if (codec.empty()) codec = (fs::path(LmPath(request.lm)).parent_path() / kCodecFile).string();
  if (fs::is_directory(codec)) {
    const std::string file = codec + "/" + kCodecFile;
    if (!fs::exists(file)) return ImportHuggingFaceEncodec(codec, num_codebooks);
    codec = file;
  }
  return ImportAudiocraftCodec(codec, num_codebooks);
}

absl::Status CheckFinite(const TensorMap& tensors, const std::string& part) {
  for (const auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point() && !torch::isfinite(tensor).all().item<bool>()) {
      return absl::InvalidArgumentError(
          absl::StrCat(part, ": ", name, ": holds values that are not finite"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckParts(const ImportedLm& lm, const ImportedCodec& codec,
                        const ImportedTextEncoder& t5) {
  if (lm.config.text_dim != t5.config.d_model) {
    return absl::InvalidArgumentError(
        absl::StrCat("the language model was trained with texts of width ", lm.config.text_dim,
                     ", the text encoder gives ", t5.config.d_model));
  }
  if (lm.config.card != codec.config.codebook_size) {
    return absl::InvalidArgumentError(absl::StrCat("the language model has codebooks of ",
                                                   lm.config.card, " entries, the codec of ",
                                                   codec.config.codebook_size));
  }
  if (lm.config.num_codebooks > codec.config.num_codebooks) {
    return absl::InvalidArgumentError(
        absl::StrCat("the language model has ", lm.config.num_codebooks,
                     " codebooks, the codec only ", codec.config.num_codebooks));
  }
  return absl::OkStatus();
}

std::string FormatReadme(const ModelConfig& config) {
  return absl::StrCat(
      "# ", config.name, "\n\n", config.description, "\n\n- Licence: ", config.license,
      "\n- Sample rate: ", config.codec.sample_rate_hz, " Hz\n- Window: ", config.window_seconds(),
      " s\n- Codebooks: ", config.lm.num_codebooks, " of ", config.lm.card, " entries\n");
}

absl::StatusOr<Bundle> ImportParts(const ImportRequest& request) {
  absl::StatusOr<ImportedLm> lm = ImportAudiocraftLm(LmPath(request.lm));
  if (!lm.ok()) return lm.status();
  const int num_codebooks =
      request.num_codebooks > 0 ? request.num_codebooks : lm->config.num_codebooks;
  absl::StatusOr<ImportedCodec> codec = ImportCodec(request, num_codebooks);
  if (!codec.ok()) return codec.status();
  absl::StatusOr<ImportedTextEncoder> t5 = ImportHuggingFaceT5(request.t5);
  if (!t5.ok()) return t5.status();
  if (absl::Status status = CheckParts(*lm, *codec, *t5); !status.ok()) return status;
  const double window_frames = lm->window_seconds * codec->config.frame_rate_hz();
  if (!(window_frames >= 1 && window_frames <= 1e6)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.segment_duration: expected 1 to 1e6 frames, found ", window_frames));
  }
  lm->config.window_frames = static_cast<int>(std::lround(window_frames));
  lm->config.subcodes_attention =
      request.subcodes_attention.value_or(lm->config.subcodes_attention);
  Bundle bundle;
  bundle.config = {.name = request.name,
                   .version = request.version,
                   .description = request.description,
                   .license = request.license,
                   .lm = lm->config,
                   .codec = codec->config,
                   .text_encoder = t5->config,
                   .sampling = lm->sampling};
  if (absl::Status status = CheckModelConfig(bundle.config); !status.ok()) return status;
  bundle.lm = std::move(lm->tensors);
  bundle.codec = std::move(codec->tensors);
  bundle.text_encoder = std::move(t5->tensors);
  bundle.spiece_model = std::move(t5->spiece_model);
  bundle.readme = FormatReadme(bundle.config);
  for (const auto& [part, tensors] : {std::pair{"language model", &bundle.lm},
                                      {"codec", &bundle.codec},
                                      {"text encoder", &bundle.text_encoder}}) {
    if (absl::Status status = CheckFinite(*tensors, part); !status.ok()) return status;
  }
  return bundle;
}

}  // namespace

absl::StatusOr<Bundle> ImportBundle(const ImportRequest& request) {
  absl::StatusOr<Bundle> bundle;
  const absl::Status status = CatchTorchErrors("import", [&] {
    bundle = ImportParts(request);
    return bundle.status();
  });
  if (!status.ok()) return status;
  return bundle;
}

}  // namespace magnet
