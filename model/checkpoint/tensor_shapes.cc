#include "model/checkpoint/tensor_shapes.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace magnet {
namespace {

std::string FormatShape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

struct LinearShape {
  int64_t out = 0;
  int64_t in = 0;
  bool bias = false;
};

void AddLinear(TensorShapes& shapes, const std::string& name, const LinearShape& linear) {
  shapes[name + ".weight"] = {linear.out, linear.in};
  if (linear.bias) shapes[name + ".bias"] = {linear.out};
}

void AddLayerNorm(TensorShapes& shapes, const std::string& name, int64_t dim) {
  shapes[name + ".weight"] = {dim};
  shapes[name + ".bias"] = {dim};
}

void AddAttention(TensorShapes& shapes, const std::string& name, const LmConfig& config) {
  const int64_t dim = config.dim;
  shapes[name + ".in_proj_weight"] = {3 * dim, dim};
  if (config.bias_attn) shapes[name + ".in_proj_bias"] = {3 * dim};
  AddLinear(shapes, name + ".out_proj", {dim, dim, config.bias_attn});
}

struct ConvShape {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 0;
};

void AddConv(TensorShapes& shapes, const std::string& name, const ConvShape& conv) {
  shapes[name + ".conv.conv.weight"] = {conv.out, conv.in, conv.kernel};
  shapes[name + ".conv.conv.bias"] = {conv.out};
}

void AddTransposedConv(TensorShapes& shapes, const std::string& name, const ConvShape& conv) {
  shapes[name + ".convtr.convtr.weight"] = {conv.in, conv.out, conv.kernel};
  shapes[name + ".convtr.convtr.bias"] = {conv.out};
}

void AddLstm(TensorShapes& shapes, const std::string& name, int64_t width, int num_layers) {
  for (int layer = 0; layer < num_layers; ++layer) {
    for (const char* part : {"ih", "hh"}) {
      shapes[absl::StrCat(name, ".lstm.weight_", part, "_l", layer)] = {4 * width, width};
      shapes[absl::StrCat(name, ".lstm.bias_", part, "_l", layer)] = {4 * width};
    }
  }
}

// The modules of one half of the codec, numbered as the checkpoints do:
// activations take a number as well.
class SeanetShapes {
 public:
  SeanetShapes(const CodecConfig& config, std::string prefix, TensorShapes& shapes)
      : c_(config), prefix_(std::move(prefix)), shapes_(shapes) {}

  void AddEncoder() {
    int64_t channels = c_.num_filters;
    AddConv(shapes_, Next(), {1, channels, c_.kernel_size});
    for (auto ratio = c_.ratios.rbegin(); ratio != c_.ratios.rend(); ++ratio) {
      AddResidualBlocks(channels);
      SkipActivation();
      AddConv(shapes_, Next(), {channels, 2 * channels, int64_t{2} * *ratio});
      channels *= 2;
    }
    if (c_.lstm_layers > 0) AddLstm(shapes_, Next(), channels, c_.lstm_layers);
    SkipActivation();
    AddConv(shapes_, Next(), {channels, c_.dimension, c_.last_kernel_size});
  }

  void AddDecoder() {
    int64_t channels = int64_t{c_.num_filters} << c_.ratios.size();
    AddConv(shapes_, Next(), {c_.dimension, channels, c_.kernel_size});
    if (c_.lstm_layers > 0) AddLstm(shapes_, Next(), channels, c_.lstm_layers);
    for (const int ratio : c_.ratios) {
      SkipActivation();
      AddTransposedConv(shapes_, Next(), {channels, channels / 2, int64_t{2} * ratio});
      channels /= 2;
      AddResidualBlocks(channels);
    }
    SkipActivation();
    AddConv(shapes_, Next(), {channels, 1, c_.last_kernel_size});
  }

 private:
  std::string Next() { return absl::StrCat(prefix_, ".model.", index_++); }
  void SkipActivation() { ++index_; }

  void AddResidualBlocks(int64_t channels) {
    for (int i = 0; i < c_.num_residual_layers; ++i) {
      const std::string name = Next();
      const int64_t hidden = channels / c_.compress;
      AddConv(shapes_, name + ".block.1", {channels, hidden, c_.residual_kernel_size});
      AddConv(shapes_, name + ".block.3", {hidden, channels, 1});
      if (c_.conv_shortcut) AddConv(shapes_, name + ".shortcut", {channels, channels, 1});
    }
  }

  const CodecConfig& c_;
  const std::string prefix_;
  TensorShapes& shapes_;
  int index_ = 0;
};

}  // namespace

TensorShapes LmTensorShapes(const LmConfig& config) {
  TensorShapes shapes;
  const int64_t dim = config.dim;
  for (int k = 0; k < config.num_codebooks; ++k) {
    shapes[absl::StrCat("emb.", k, ".weight")] = {config.card + 1, dim};
    AddLinear(shapes, absl::StrCat("linears.", k), {config.card, dim, config.bias_proj});
  }
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string layer = absl::StrCat("transformer.layers.", i);
    AddAttention(shapes, layer + ".self_attn", config);
    AddAttention(shapes, layer + ".cross_attention", config);
    AddLinear(shapes, layer + ".linear1", {config.ffn_dim, dim, config.bias_ff});
    AddLinear(shapes, layer + ".linear2", {dim, config.ffn_dim, config.bias_ff});
    for (const char* norm : {".norm1", ".norm_cross", ".norm2"}) {
      AddLayerNorm(shapes, layer + norm, dim);
    }
  }
  AddLayerNorm(shapes, "out_norm", dim);
  if (config.beats.has_value()) {
    const BeatConfig& beats = *config.beats;
    shapes["beats.emb.weight"] = {beats.num_ticks() + 1, dim};
    shapes["beats.query.weight"] = {2, config.text_dim};
    shapes["beats.head.weight"] = {beats.num_tempos() + beats.max_beats_per_bar, config.text_dim};
  }
  if (config.neighbour_tables > 0) {
    shapes["neighbours"] = {config.neighbour_tables, config.card, config.card};
  }
  AddLinear(shapes, "condition_provider.conditioners.description.output_proj",
            {dim, config.text_dim, /*bias=*/true});
  return shapes;
}

TensorShapes CodecTensorShapes(const CodecConfig& config) {
  TensorShapes shapes;
  SeanetShapes(config, "encoder", shapes).AddEncoder();
  SeanetShapes(config, "decoder", shapes).AddDecoder();
  for (int k = 0; k < config.num_codebooks; ++k) {
    shapes[absl::StrCat("quantizer.vq.layers.", k, "._codebook.embed")] = {config.codebook_size,
                                                                           config.dimension};
  }
  return shapes;
}

TensorShapes TextEncoderTensorShapes(const TextEncoderConfig& config) {
  TensorShapes shapes;
  const int64_t d_model = config.d_model;
  const int64_t inner = int64_t{config.d_kv} * config.num_heads;
  shapes["shared.weight"] = {config.vocab_size, d_model};
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string block = absl::StrCat("encoder.block.", i, ".layer.");
    const std::string attention = block + "0.SelfAttention.";
    for (const char* name : {"q", "k", "v"}) {
      shapes[absl::StrCat(attention, name, ".weight")] = {inner, d_model};
    }
    shapes[attention + "o.weight"] = {d_model, inner};
    shapes[block + "0.layer_norm.weight"] = {d_model};
    const std::string ffn = block + "1.DenseReluDense.";
    if (config.gated_gelu) {
      shapes[ffn + "wi_0.weight"] = {config.d_ff, d_model};
      shapes[ffn + "wi_1.weight"] = {config.d_ff, d_model};
    } else {
      shapes[ffn + "wi.weight"] = {config.d_ff, d_model};
    }
    shapes[ffn + "wo.weight"] = {d_model, config.d_ff};
    shapes[block + "1.layer_norm.weight"] = {d_model};
  }
  shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = {
      config.relative_attention_num_buckets, config.num_heads};
  shapes["encoder.final_layer_norm.weight"] = {d_model};
  return shapes;
}

absl::Status CheckTensorShapes(const TensorMap& tensors, const std::string& source,
                               const TensorShapes& expected) {
  std::vector<std::string> errors;
  for (const auto& [name, shape] : expected) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      errors.push_back(absl::StrCat("missing ", name, " ", FormatShape(shape)));
    } else if (found->second.sizes() != torch::IntArrayRef(shape)) {
      errors.push_back(absl::StrCat(name, ": expected ", FormatShape(shape), ", found ",
                                    FormatShape(found->second.sizes().vec())));
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!expected.contains(name)) {
      errors.push_back(absl::StrCat("left over ", name, " ", FormatShape(tensor.sizes().vec())));
    }
  }
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(source, ": ", absl::StrJoin(errors, "; ")));
}

}  // namespace magnet
