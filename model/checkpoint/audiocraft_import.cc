#include "model/checkpoint/audiocraft_import.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/codec_tensors.h"
#include "model/checkpoint/tensor_shapes.h"
#include "model/checkpoint/torch_archive.h"
#include "model/checkpoint/weight_norm.h"
#include "model/checkpoint/xp_config.h"

namespace magnet {
namespace {

constexpr char kOutputProjection[] =
    "condition_provider.conditioners.description.output_proj.weight";

struct AudiocraftFile {
  PickleDocument document;
  XpConfig config;
  TensorMap tensors;
};

absl::StatusOr<AudiocraftFile> ReadAudiocraftFile(const std::string& path) {
  absl::StatusOr<PickleDocument> document = ReadTorchArchive(path);
  if (!document.ok()) return document.status();
  if (const PickleValue* name = document->root->Find("pretrained")) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": holds no codec but the name of one, \"", name->text,
                     "\": download it and give its folder with --codec"));
  }
  const PickleValue* config = document->root->Find("xp.cfg");
  const PickleValue* state = document->root->Find("best_state");
  if (config == nullptr || state == nullptr || config->kind != PickleValue::Kind::kString) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": expected an audiocraft export, a dict with \"xp.cfg\" (text) and "
                     "\"best_state\""));
  }
  absl::StatusOr<XpConfig> xp = XpConfig::Parse(config->text, absl::StrCat(path, ": xp.cfg"));
  if (!xp.ok()) return xp.status();
  absl::StatusOr<TensorMap> tensors = StateDictTensors(*state, absl::StrCat(path, ": best_state"));
  if (!tensors.ok()) return tensors.status();
  return AudiocraftFile{*std::move(document), *std::move(xp), *std::move(tensors)};
}

// Everything our transformer does in one way only.
void RequireLmSettings(XpConfig& xp) {
  xp.Require("lm_model", "", "transformer_lm_magnet");
  xp.Require("channels", "1", "1");
  xp.Require("codebooks_pattern.modeling", "", "parallel");
  const std::string lm = "transformer_lm.";
  xp.Require(lm + "activation", "gelu", "gelu");
  xp.Require(lm + "norm", "layer_norm", "layer_norm");
  xp.Require(lm + "positional_embedding", "sin", "sin");
  const auto require_bool = [&](const std::string& path, bool fallback, bool expected) {
    if (xp.Bool(path, fallback) != expected) {
      xp.AddError(path, expected ? "expected true" : "expected false");
    }
  };
  require_bool(lm + "norm_first", /*fallback=*/false, true);
  require_bool(lm + "causal", /*fallback=*/true, false);
  require_bool(lm + "qk_layer_norm", false, false);
  require_bool(lm + "qk_layer_norm_cross", false, false);
  require_bool("fuser.cross_attention_pos_emb", false, false);
  require_bool("interleave_stereo_codebooks.use", false, false);
  require_bool("conditioners.description.t5.normalize_text", false, false);
  if (xp.Int(lm + "kv_repeat", 1) != 1) xp.AddError(lm + "kv_repeat", "expected 1");
  if (xp.Has(lm + "layer_scale")) xp.AddError(lm + "layer_scale", "expected null");
  for (const char* way : {"sum", "prepend", "input_interpolate"}) {
    if (!xp.StringList(absl::StrCat("fuser.", way)).empty()) {
      xp.AddError(absl::StrCat("fuser.", way), "expected an empty list");
    }
  }
  if (xp.StringList("fuser.cross") != std::vector<std::string>{"description"}) {
    xp.AddError("fuser.cross", "expected [description]");
  }
  xp.Require("conditioners.description.model", "", "t5");
  for (const std::string& conditioner : xp.KeysOf("conditioners")) {
    if (conditioner != "description" && conditioner != "args") {
      xp.AddError("conditioners." + conditioner, "expected the conditioner description only");
    }
  }
}

LmConfig ReadLmConfig(XpConfig& xp) {
  const std::string lm = "transformer_lm.";
  LmConfig config;
  config.dim = xp.Int(lm + "dim");
  config.num_heads = xp.Int(lm + "num_heads");
  config.num_layers = xp.Int(lm + "num_layers");
  const double ffn_dim = config.dim * xp.Double(lm + "hidden_scale", 4);
  if (ffn_dim >= 1 && ffn_dim <= 1e9) {
    config.ffn_dim = static_cast<int>(ffn_dim);
  } else {
    xp.AddError(lm + "hidden_scale", "expected a hidden width of 1 to 1e9");
  }
  config.num_codebooks = xp.Int(lm + "n_q");
  config.card = xp.Int(lm + "card");
  config.span_len = xp.Int("masking.span_len", xp.Int(lm + "span_len", 3));
  config.subcodes_context = std::max(xp.Int(lm + "subcodes_context", 5), -1);
  if (xp.String("efficient_attention_backend", "xformers") == "torch") {
    config.subcodes_attention = SubcodesAttention::kCausal;
  }
  config.bias_attn = xp.Bool(lm + "bias_attn", true);
  config.bias_ff = xp.Bool(lm + "bias_ff", true);
  config.bias_proj = xp.Bool(lm + "bias_proj", true);
  return config;
}

SamplingDefaults ReadSampling(XpConfig& xp, int num_codebooks) {
  const std::string generate = "generate.lm.";
  SamplingDefaults sampling;
  sampling.greedy = !xp.Bool(generate + "use_sampling", !sampling.greedy);
  sampling.temperature = xp.Double(generate + "temp", sampling.temperature);
  sampling.anneal_temperature = xp.Bool(generate + "anneal_temp", sampling.anneal_temperature);
  sampling.top_p = xp.Double(generate + "top_p", sampling.top_p);
  sampling.top_k = xp.Int(generate + "top_k", sampling.top_k);
  sampling.guidance_max = xp.Double(generate + "max_cfg_coef", sampling.guidance_max);
  sampling.guidance_min = xp.Double(generate + "min_cfg_coef", sampling.guidance_min);
  if (xp.Has(generate + "decoding_steps")) {
    sampling.decoding_steps = xp.IntList(generate + "decoding_steps");
  } else if (num_codebooks >= 1 && num_codebooks <= 128) {
    sampling.decoding_steps.assign(num_codebooks, 10);
    sampling.decoding_steps[0] = 20;
  }
  const std::string score = xp.String(generate + "span_scoring", "max");
  if (score == "prod") {
    sampling.span_score = SpanScore::kProd;
  } else if (score != "max") {
    xp.AddError(generate + "span_scoring", "expected max or prod");
  }
  const std::string arrangement = xp.String(generate + "span_arrangement", "nonoverlap");
  if (arrangement == "stride1") {
    sampling.span_arrangement = SpanArrangement::kStride1;
  } else if (arrangement != "nonoverlap") {
    xp.AddError(generate + "span_arrangement", "expected nonoverlap or stride1");
  }
  return sampling;
}

// Sizes that the list of expected tensors is made from.
void CheckLmSizes(XpConfig& xp, const LmConfig& config) {
  const auto check = [&](const char* name, int value, int max) {
    if (value >= 1 && value <= max) return;
    xp.AddError(absl::StrCat("transformer_lm.", name),
                absl::StrCat("expected 1 to ", max, ", found ", value));
  };
  check("dim", config.dim, 1 << 16);
  check("num_layers", config.num_layers, 1024);
  check("n_q", config.num_codebooks, 128);
  check("card", config.card, 1 << 20);
}

void RequireCodecSettings(XpConfig& xp) {
  xp.Require("compression_model", "", "encodec");
  xp.Require("encodec.autoencoder", "", "seanet");
  xp.Require("encodec.quantizer", "", "rvq");
  xp.Require("encodec.channels", "1", "1");
  xp.Require("seanet.channels", "1", "1");
  xp.Require("seanet.activation", "ELU", "ELU");
  xp.Require("seanet.norm", "none", "weight_norm");
  if (xp.Double("seanet.activation_params.alpha", 1) != 1) {
    xp.AddError("seanet.activation_params.alpha", "expected 1");
  }
  if (xp.Bool("encodec.renormalize", false)) xp.AddError("encodec.renormalize", "expected false");
  if (xp.Int("seanet.disable_norm_outer_blocks", 0) != 0) {
    xp.AddError("seanet.disable_norm_outer_blocks", "expected 0");
  }
  if (xp.Has("seanet.decoder.final_activation")) {
    xp.AddError("seanet.decoder.final_activation", "expected null");
  }
  for (const std::string& key : xp.KeysOf("seanet.encoder")) {
    xp.AddError("seanet.encoder." + key, "expected the encoder to have no settings of its own");
  }
  for (const std::string& key : xp.KeysOf("seanet.decoder")) {
    if (key == "trim_right_ratio" || key == "final_activation" ||
        key == "final_activation_params") {
      continue;
    }
    xp.AddError("seanet.decoder." + key, "expected the decoder to differ in no size");
  }
}

CodecConfig ReadCodecConfig(XpConfig& xp) {
  const std::string seanet = "seanet.";
  CodecConfig config;
  config.sample_rate_hz = xp.Int("encodec.sample_rate");
  config.num_filters = xp.Int(seanet + "n_filters", 32);
  config.dimension = xp.Int(seanet + "dimension", 128);
  config.ratios =
      xp.Has(seanet + "ratios") ? xp.IntList(seanet + "ratios") : std::vector<int>{8, 5, 4, 2};
  config.kernel_size = xp.Int(seanet + "kernel_size", 7);
  config.last_kernel_size = xp.Int(seanet + "last_kernel_size", 7);
  config.residual_kernel_size = xp.Int(seanet + "residual_kernel_size", 3);
  // audiocraft's own default differs from every configuration it ships.
  config.num_residual_layers = xp.Int(seanet + "n_residual_layers", 3);
  config.dilation_base = xp.Int(seanet + "dilation_base", 2);
  config.compress = xp.Int(seanet + "compress", 2);
  config.lstm_layers = xp.Int(seanet + "lstm", 0);
  config.causal = xp.Bool(seanet + "causal", false);
  config.conv_shortcut = !xp.Bool(seanet + "true_skip", true);
  config.trim_right_ratio = xp.Double(seanet + "decoder.trim_right_ratio", 1.0);
  const std::string pad_mode = xp.String(seanet + "pad_mode", "reflect");
  if (pad_mode == "constant") {
    config.pad_mode = PadMode::kConstant;
  } else if (pad_mode != "reflect") {
    xp.AddError(seanet + "pad_mode", "expected reflect or constant, found " + pad_mode);
  }
  config.num_codebooks = xp.Int("rvq.n_q", 8);
  config.codebook_size = xp.Int("rvq.bins", 1024);
  return config;
}

}  // namespace

absl::StatusOr<ImportedLm> ImportAudiocraftLm(const std::string& path) {
  absl::StatusOr<AudiocraftFile> file = ReadAudiocraftFile(path);
  if (!file.ok()) return file.status();
  XpConfig& xp = file->config;
  ImportedLm lm;
  RequireLmSettings(xp);
  lm.config = ReadLmConfig(xp);
  CheckLmSizes(xp, lm.config);
  lm.window_seconds = xp.Double("dataset.segment_duration");
  lm.sampling = ReadSampling(xp, lm.config.num_codebooks);
  if (absl::Status status = xp.status(); !status.ok()) return status;
  lm.tensors = std::move(file->tensors);
  const auto projection = lm.tensors.find(kOutputProjection);
  if (projection != lm.tensors.end() && projection->second.dim() == 2) {
    lm.config.text_dim = static_cast<int>(projection->second.size(1));
  }
  if (absl::Status status = CheckTensorShapes(lm.tensors, path, LmTensorShapes(lm.config));
      !status.ok()) {
    return status;
  }
  return lm;
}

absl::StatusOr<ImportedCodec> ImportAudiocraftCodec(const std::string& path, int num_codebooks) {
  absl::StatusOr<AudiocraftFile> file = ReadAudiocraftFile(path);
  if (!file.ok()) return file.status();
  RequireCodecSettings(file->config);
  ImportedCodec codec;
  codec.config = ReadCodecConfig(file->config);
  if (absl::Status status = file->config.status(); !status.ok()) return status;
  codec.tensors = std::move(file->tensors);
  absl::Status status = FinishCodecTensors(path, num_codebooks, codec.config, codec.tensors);
  if (!status.ok()) return status;
  return codec;
}

}  // namespace magnet
