#include "model/magnet/int8_layer.h"

namespace magnet {
namespace {

std::shared_ptr<torch::nn::LayerNormImpl> NormOf(torch::nn::Module& layer,
                                                 const std::string& name) {
  return std::dynamic_pointer_cast<torch::nn::LayerNormImpl>(layer.named_children()[name]);
}

// Undefined where there is none of that name.
torch::Tensor Find(torch::nn::Module& layer, const std::string& name) {
  const auto parameters = layer.named_parameters();
  const torch::Tensor* const found = parameters.find(name);
  return found == nullptr ? torch::Tensor() : *found;
}

Int8Weight TakeDense(torch::nn::Module& layer, const std::string& name) {
  torch::Tensor weight = Find(layer, name + ".weight");
  Int8Weight taken(weight, Find(layer, name + ".bias"));
  DropElements(weight);
  return taken;
}

// Rows `first` to `first` + `count` of a tensor, where there is one.
torch::Tensor Part(const torch::Tensor& tensor, int64_t first, int64_t count) {
  return tensor.defined() ? tensor.narrow(0, first, count) : tensor;
}

// [B * N, ...] of a tensor [B, N, ...].
torch::Tensor RowsInAll(const torch::Tensor& query_rows, int64_t num_items, int64_t num_rows) {
  const torch::Tensor first = torch::arange(num_items, torch::kLong).unsqueeze(1) * num_rows;
  return (first + query_rows.unsqueeze(0)).flatten();
}

}  // namespace

Int8Layer::Attention Int8Layer::TakeAttention(torch::nn::Module& layer, const std::string& name) {
  torch::Tensor weight = Find(layer, name + ".in_proj_weight");
  const torch::Tensor bias = Find(layer, name + ".in_proj_bias");
  const int64_t dim = weight.size(1);
  Attention taken = {
      .queries = Int8Weight(Part(weight, 0, dim), Part(bias, 0, dim)),
      .keys_and_values = Int8Weight(Part(weight, dim, 2 * dim), Part(bias, dim, 2 * dim)),
      .out = TakeDense(layer, name + ".out_proj")};
  DropElements(weight);
  return taken;
}

Int8Layer::Int8Layer(torch::nn::Module& layer, int num_heads)
    : num_heads_(num_heads),
      self_(TakeAttention(layer, "self_attn")),
      cross_(TakeAttention(layer, "cross_attention")),
      linear1_(TakeDense(layer, "linear1")),
      linear2_(TakeDense(layer, "linear2")),
      norm1_(NormOf(layer, "norm1")),
      norm_cross_(NormOf(layer, "norm_cross")),
      norm2_(NormOf(layer, "norm2")) {
  const torch::Tensor bias = Find(layer, "cross_attention.in_proj_bias");
  if (!bias.defined()) return;
  const int64_t dim = bias.numel() / 3;
  null_output_ = cross_.out.Multiply(Quantize(bias.narrow(0, 2 * dim, dim).contiguous())).flatten();
}

int64_t Int8Layer::Attention::num_bytes() const {
  return queries.num_bytes() + keys_and_values.num_bytes() + out.num_bytes();
}

int64_t Int8Layer::num_bytes() const {
  return self_.num_bytes() + cross_.num_bytes() + linear1_.num_bytes() + linear2_.num_bytes();
}

void Int8Layer::AddSelfAttention(torch::Tensor& x, const torch::Tensor& query_rows,
                                 const Visibility& visibility) const {
  const int64_t num_items = x.size(0), num_rows = x.size(1);
  const QuantizedRows normed = NormalizeAndQuantize(x, *norm1_);
  const auto kv =
      self_.keys_and_values.Multiply(normed).view({num_items, num_rows, -1}).chunk(2, -1);
  const bool all = !query_rows.defined();
  if (!all) x = x.index_select(1, query_rows);
  const torch::Tensor q =
      self_.queries
          .Multiply(all ? normed : normed.Select(RowsInAll(query_rows, num_items, num_rows)))
          .view({num_items, x.size(1), -1});
  self_.out.AddProduct(Quantize(AttendByHeads(q, kv[0], kv[1], visibility, num_heads_)), x);
}

LayerKv Int8Layer::ProjectText(const torch::Tensor& conditions) const {
  const torch::Tensor rows = conditions.to(torch::kFloat).contiguous();
  const auto kv = cross_.keys_and_values.Multiply(Quantize(rows))
                      .view({rows.size(0), rows.size(1), -1})
                      .chunk(2, -1);
  return {SplitHeads(kv[0], num_heads_), SplitHeads(kv[1], num_heads_)};
}

void Int8Layer::AddCrossAttention(torch::Tensor& x, const LayerKv& text,
                                  const torch::Tensor& score_bias) const {
  const torch::Tensor q =
      cross_.queries.Multiply(NormalizeAndQuantize(x, *norm_cross_)).view(x.sizes());
  cross_.out.AddProduct(Quantize(AttendToText(q, text, score_bias)), x);
}

void Int8Layer::AddFeedForward(torch::Tensor& x) const {
  linear2_.AddProduct(linear1_.MultiplyGelu(NormalizeAndQuantize(x, *norm2_)), x);
}

}  // namespace magnet
