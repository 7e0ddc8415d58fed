#include "model/magnet/packed_transformer.h"

#include <algorithm>
#include <string>
#include <utility>

namespace magnet {
namespace {

torch::Dtype TorchType(ElementType type) {
  return type == ElementType::kFloat16 ? torch::kHalf : torch::kFloat;
}

Element* Elements(const torch::Tensor& tensor) {
  return tensor.defined() ? static_cast<Element*>(tensor.data_ptr()) : nullptr;
}

const float* FloatsOrNull(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

// [1, H, S, D/H] -> [S, D]
torch::Tensor HeadsSideBySide(const torch::Tensor& x) { return x[0].transpose(0, 1).flatten(1); }

}  // namespace

void PackCondition(ConditionKv& condition, const torch::Tensor& score_bias) {
  std::vector<torch::Tensor> layers;
  for (const LayerKv& layer : condition.layers) {
    layers.push_back(torch::stack({HeadsSideBySide(layer.keys), HeadsSideBySide(layer.values)}));
  }
  condition.packed = torch::stack(layers);
  condition.layers.clear();
  condition.score_bias = score_bias;
}

TextSpan TextSpanOf(const ConditionKv* condition) {
  if (condition == nullptr) return {};
  TORCH_CHECK(condition->packed.defined(), "a packed step needs a packed condition");
  return {Elements(condition->packed), FloatsOrNull(condition->score_bias),
          static_cast<int32_t>(condition->packed.size(2))};
}

PackedTransformer::PackedTransformer(MagnetTransformer transformer,
                                     std::unique_ptr<StepKernels> kernels)
    : transformer_(std::move(transformer)),
      kernels_(std::move(kernels)),
      config_(transformer_->config()),
      device_(transformer_->parameters().front().device()),
      dtype_(TorchType(kernels_->element_type())) {
  const torch::NoGradGuard no_grad;
  for (const torch::Tensor& parameter : transformer_->parameters()) {
    TORCH_CHECK(parameter.scalar_type() == dtype_ && parameter.is_contiguous(),
                "packed steps need weights of the kernels' type");
  }
  const auto parameters = transformer_->named_parameters();
  std::vector<torch::Tensor> tables;
  for (int k = 0; k < config_.num_codebooks; ++k) {
    tables.push_back(parameters["emb." + std::to_string(k) + ".weight"]);
  }
  if (config_.beats.has_value()) tables.push_back(parameters["beats.emb.weight"]);
  embeddings_ = torch::nn::utils::rnn::pad_sequence(tables, /*batch_first=*/true);
  if (transformer_->neighbours().defined()) {
    neighbours_ = transformer_->neighbours().to(torch::kFloat).contiguous();
  }
  positions_ = SinusoidalPositions(config_.window_frames, config_.dim).to(device_).contiguous();
  LoadWeights();
}

PackedTransformer::~PackedTransformer() = default;

void PackedTransformer::LoadWeights() {
  const auto parameters = transformer_->named_parameters();
  const auto find = [&](const std::string& prefix) -> Weight {
    const torch::Tensor* const bias = parameters.find(prefix + "bias");
    return {Elements(parameters[prefix + "weight"]), bias == nullptr ? nullptr : Elements(*bias)};
  };
  for (int i = 0; i < config_.num_layers; ++i) {
    const std::string layer = "transformer.layers." + std::to_string(i) + ".";
    layers_.push_back(
        {.norm1 = find(layer + "norm1."),
         .norm_cross = find(layer + "norm_cross."),
         .norm2 = find(layer + "norm2."),
         .qkv = find(layer + "self_attn.in_proj_"),
         .out = find(layer + "self_attn.out_proj."),
         .cross_q = find(layer + "cross_attention.in_proj_"),  // the first D rows of it
         .cross_out = find(layer + "cross_attention.out_proj."),
         .linear1 = find(layer + "linear1."),
         .linear2 = find(layer + "linear2."),
         .null_output = transformer_->NullOutput(i)});
  }
  out_norm_ = find("out_norm.");
  for (int k = 0; k < config_.num_codebooks; ++k) {
    const std::string head = "linears." + std::to_string(k);
    heads_.push_back(find(head + ".").weight);
    const torch::Tensor* const bias = parameters.find(head + ".bias");
    head_bias_.push_back(bias == nullptr ? torch::Tensor() : bias->to(torch::kFloat).contiguous());
  }
}

// Grows by half, so that a slowly growing batch does not move its buffers at
// every step. Zeros: rows that fill up tiles are computed, but never written.
torch::Tensor PackedTransformer::Buffer(torch::Tensor& buffer, int64_t count, torch::Dtype dtype) {
  if (!buffer.defined() || buffer.numel() < count) {
    const int64_t grown = buffer.defined() ? std::max(count, buffer.numel() * 3 / 2) : count;
    torch::Tensor larger = torch::zeros({grown}, torch::TensorOptions(dtype).device(device_));
    kernels_->ForgetRuns();
    buffer = std::move(larger);
  }
  return buffer;
}

void PackedTransformer::EnsureRoom(const StepPlan& plan, size_t table_bytes) {
  const int64_t rows = plan.shape().rows(), wanted = plan.num_wanted(), dim = config_.dim;
  Buffer(tables_, static_cast<int64_t>(table_bytes), torch::kByte);
  Buffer(x_, rows * dim, torch::kFloat);
  Buffer(normed_, rows * dim, dtype_);
  Buffer(wide_, rows * std::max(3 * dim, int64_t{config_.ffn_dim}), dtype_);
  Buffer(attended_, rows * dim, dtype_);
  Buffer(sublayer_, rows * dim, dtype_);
  Buffer(wanted_, wanted * dim, dtype_);
  Buffer(logits_, wanted * config_.card, torch::kFloat);
  Buffer(tokens_, plan.num_draws() * static_cast<int64_t>(sizeof(SampledToken)), torch::kByte);
}

std::vector<std::vector<SampledToken>> PackedTransformer::Step(
    std::span<const StepRequest> requests) {
  const StepPlan plan(requests, config_, kernels_->row_tile());
  const std::vector<std::byte> bytes = plan.Bytes();
  EnsureRoom(plan, bytes.size());
  kernels_->Upload(tables_.data_ptr(), bytes.data(), bytes.size());
  const StepTables tables = plan.TablesAt(tables_.data_ptr());
  kernels_->Run(plan.shape(), [&] { RunLayers(plan.shape(), tables); });
  RunHeads(plan, tables);
  std::vector<SampledToken> tokens(static_cast<size_t>(plan.num_draws()));
  kernels_->Download(tokens.data(), tokens_.data_ptr(), tokens.size() * sizeof(SampledToken));
  return plan.Divide(tokens);
}

void PackedTransformer::AddNorm(const torch::Tensor& y, const Weight& norm, int first_row,
                                int num_rows, const float* constant) {
  if (num_rows == 0) return;
  kernels_->AddNorm({.x = x_.data_ptr<float>(),
                     .y = Elements(y),
                     .constant = constant,
                     .gamma = norm.weight,
                     .beta = norm.bias,
                     .out = Elements(normed_),
                     .first_row = first_row,
                     .num_rows = num_rows,
                     .dim = config_.dim});
}

void PackedTransformer::Linear(const Element* input, const Weight& weight, Element* output,
                               int num_rows, int in, int out) {
  kernels_->Linear({.input = input,
                    .weight = weight.weight,
                    .bias = weight.bias,
                    .output = output,
                    .num_rows = num_rows,
                    .in = in,
                    .out = out});
}

void PackedTransformer::RunLayers(const StepShape& shape, const StepTables& tables) {
  kernels_->Embed({.ids = tables.ids,
                   .frames = tables.frames,
                   .table = Elements(embeddings_),
                   .positions = positions_.data_ptr<float>(),
                   .x = x_.data_ptr<float>(),
                   .num_rows = shape.rows(),
                   .num_inputs = config_.num_inputs(),
                   .num_ids = static_cast<int>(embeddings_.size(1)),
                   .dim = config_.dim});
  for (int i = 0; i < config_.num_layers; ++i) RunLayer(i, shape, tables);
}

// On entry the stream lacks what the layer before left in sublayer_; on return, what
// this one's feed-forward did.
void PackedTransformer::RunLayer(int index, const StepShape& shape, const StepTables& tables) {
  const LayerWeights& layer = layers_[static_cast<size_t>(index)];
  const int rows = shape.rows(), dim = config_.dim, ffn = config_.ffn_dim;
  Element* const normed = Elements(normed_);
  Element* const wide = Elements(wide_);
  Element* const attended = Elements(attended_);
  Element* const sublayer = Elements(sublayer_);
  AddNorm(index == 0 ? torch::Tensor() : sublayer_, layer.norm1, /*first_row=*/0, rows);
  Linear(normed, layer.qkv, wide, rows, dim, 3 * dim);
  kernels_->SelfAttention({.qkv = wide,
                           .spans = tables.spans,
                           .out = attended,
                           .num_sequences = shape.sequences(),
                           .max_frames = shape.max_frames,
                           .dim = dim,
                           .num_heads = config_.num_heads});
  Linear(attended, layer.out, sublayer, rows, dim, dim);
  if (shape.text_rows > 0) CrossAttend(index, shape, tables);
  AddNorm(sublayer_, layer.norm2, shape.text_rows, shape.null_rows,
          FloatsOrNull(layer.null_output));
  Linear(normed, layer.linear1, wide, rows, dim, ffn);
  kernels_->Gelu({.x = wide, .num_rows = rows, .dim = ffn});
  Linear(wide, layer.linear2, sublayer, rows, ffn, dim);
}

// The rows with a text, from the self-attention's output to the feed-forward's
// input.
void PackedTransformer::CrossAttend(int index, const StepShape& shape, const StepTables& tables) {
  const LayerWeights& layer = layers_[static_cast<size_t>(index)];
  const int rows = shape.text_rows, dim = config_.dim;
  Element* const attended = Elements(attended_);
  AddNorm(sublayer_, layer.norm_cross, /*first_row=*/0, rows);
  Linear(Elements(normed_), layer.cross_q, Elements(wide_), rows, dim, dim);
  kernels_->CrossAttention({.q = Elements(wide_),
                            .spans = tables.spans,
                            .texts = tables.texts,
                            .out = attended,
                            .layer = index,
                            .num_sequences = shape.text_sequences,
                            .max_frames = shape.max_frames,
                            .dim = dim,
                            .num_heads = config_.num_heads});
  Linear(attended, layer.cross_out, Elements(sublayer_), rows, dim, dim);
  AddNorm(sublayer_, layer.norm2, /*first_row=*/0, rows);
}

void PackedTransformer::RunHeads(const StepPlan& plan, const StepTables& tables) {
  kernels_->AddNorm({.x = x_.data_ptr<float>(),
                     .y = Elements(sublayer_),
                     .gamma = out_norm_.weight,
                     .beta = out_norm_.bias,
                     .gather = tables.wanted,
                     .out = Elements(wanted_),
                     .num_rows = plan.num_wanted(),
                     .dim = config_.dim});
  for (const StageRows& head : plan.heads()) {
    const auto stage = static_cast<size_t>(head.stage);
    kernels_->Linear({.input = Elements(wanted_),
                      .weight = heads_[stage],
                      .bias = FloatsOrNull(head_bias_[stage]),
                      .float_output = logits_.data_ptr<float>(),
                      .first_row = head.first,
                      .num_rows = head.num_rows,
                      .in = config_.dim,
                      .out = config_.card});
  }
  for (int round = 0; round < plan.num_rounds(); ++round) {
    kernels_->Sample({.logits = logits_.data_ptr<float>(),
                      .draws = tables.draws,
                      .settings = tables.settings,
                      .tokens = static_cast<SampledToken*>(tokens_.data_ptr()),
                      .neighbours = FloatsOrNull(neighbours_),
                      .num_draws = plan.num_draws(),
                      .card = config_.card,
                      .round = round});
  }
}

}  // namespace magnet
