// MAGNeT's masked transformer: tokens of K codebooks in, logits of one codebook out.
//
//   codes [K, T] -> sum of K embeddings + sinusoidal positions      [T, D]
//                   (+ the embedding of the frame's tick, where the model has beats)
//     -> num_layers x { x += self_attention(norm1(x))
//                       x += cross_attention(norm_cross(x), text)
//                       x += linear2(gelu(linear1(norm2(x)))) }
//     -> out_norm -> linears[stage]                                  [T, card]
//
// Stage 0 attends everywhere; stage k > 0 as SubcodesAttention says.
// Parameters carry audiocraft's names (MagnetLMModel); beats.* and neighbours are ours.
#ifndef MAGNET_MODEL_MAGNET_TRANSFORMER_H_
#define MAGNET_MODEL_MAGNET_TRANSFORMER_H_

#include <memory>
#include <optional>
#include <vector>

#include "model/layers/linear.h"
#include "model/magnet/attention.h"
#include "model/magnet/beat_track.h"
#include "model/magnet/int8_layer.h"
#include "model/model_config.h"
#include "model/precision.h"
#include "model/torch.h"

namespace magnet {

// A text (or several side by side), projected for every layer: computed once
// for all passes of a request.
struct ConditionKv {
  std::vector<LayerKv> layers;  // num_layers, B = 1
  torch::Tensor score_bias;     // [S] log weights of the keys; undefined: all equal
  // Instead of layers, for packed steps (packed_transformer.h): [num_layers, 2, S, D].
  torch::Tensor packed;
  std::optional<Beats> beats;  // that the text tells; none where the model has no beats
};

// One forward pass of one sequence. A null `condition` or `negative` is the
// null condition.
struct PassInput {
  torch::Tensor codes;    // [K, T] int64
  torch::Tensor ticks{};  // [T] int64 (BeatConfig); undefined: of no frame known
  int stage = 0;
  torch::Tensor frames;  // [M] int64, rising: the frames whose logits are wanted
  const ConditionKv* condition = nullptr;
  bool guided = false;                    // also the unconditional branch
  const ConditionKv* negative = nullptr;  // what that branch is told
};

struct PassLogits {
  torch::Tensor cond;    // [M, card] float32, contiguous, on the CPU
  torch::Tensor uncond;  // likewise; undefined unless guided
};

// What a training step hands over: B items of T frames, texts of S tokens.
struct TrainingInput {
  torch::Tensor codes;        // [B, K, T] int64
  torch::Tensor ticks{};      // [B, T] int64; undefined: of no frame known
  torch::Tensor text_states;  // [B, S, text_dim]
  torch::Tensor text_mask;    // [B, S] bool; a row of false is the null condition
  int stage = 0;
  torch::Tensor first_frames;  // [B] int64 on the CPU: the window's frame that each item
                               // begins at; undefined: 0 for all
};

struct TrainingOutput {
  torch::Tensor logits;  // [B, T, card]
  torch::Tensor middle;  // [B, T, D]: after the first half of the layers
  torch::Tensor beats;   // [B, tempos + places] as BeatLogits; undefined without beats
};

class TransformerLayerImpl : public torch::nn::Module {
 public:
  explicit TransformerLayerImpl(const LmConfig& config);

  SelfAttention self_attn{nullptr};
  CrossAttention cross_attention{nullptr};

  torch::Tensor SelfAttend(const torch::Tensor& x, const torch::Tensor& query_rows,
                           const Visibility& visibility);
  torch::Tensor CrossAttend(const torch::Tensor& x, const LayerKv& text,
                            const torch::Tensor& score_bias);
  torch::Tensor FeedForward(const torch::Tensor& x);

  // For inference: the same in place, in whatever the weights are packed for. x [B, N, D] becomes
  // [B, M, D] where query_rows [M] is defined.
  void AddSelfAttention(torch::Tensor& x, const torch::Tensor& query_rows,
                        const Visibility& visibility);
  LayerKv ProjectText(const torch::Tensor& conditions);
  void AddCrossAttention(torch::Tensor& x, const LayerKv& text, const torch::Tensor& score_bias);
  torch::Tensor NullOutput();  // as CrossAttentionImpl::NullOutput
  void AddFeedForward(torch::Tensor& x);

  // For the in-place functions alone. Once.
  void Pack(WeightPacking packing);
  int64_t Int8Bytes() const { return int8_ ? int8_->num_bytes() : 0; }

 private:
  const int num_heads_;
  std::unique_ptr<Int8Layer> int8_;  // null: the weights below are used
  torch::nn::LayerNorm norm1_{nullptr}, norm_cross_{nullptr}, norm2_{nullptr};  // D
  Dense linear1_{nullptr};                                                      // D -> ffn_dim
  Dense linear2_{nullptr};                                                      // ffn_dim -> D
};
TORCH_MODULE(TransformerLayer);

// Name of the buffer of MagnetTransformerImpl::neighbours.
inline constexpr char kNeighboursName[] = "neighbours";

class MagnetTransformerImpl : public torch::nn::Module {
 public:
  explicit MagnetTransformerImpl(const LmConfig& config);

  const LmConfig& config() const { return config_; }
  torch::Dtype dtype() const { return output_proj_->weight.scalar_type(); }
  torch::Device device() const { return output_proj_->weight.device(); }

  // Embeddings, products and what lies between them in `dtype`; the beat head, norms and the sum
  // that layers add to in float32, where a sum of many layers would lose most. For Pass and
  // forward; packed steps want every parameter in one type, which to(dtype) gives.
  void ComputeIn(torch::Dtype dtype);

  // For Pass alone, once the weights are loaded, on a CPU that gains by it (model/precision.h).
  // kOneDnn, after ComputeIn(bfloat16 or float32): as PackedWeight. kInt8, after
  // ComputeIn(float32): as Int8Weight; not the heads, whose logits decide which token is
  // likeliest. Embeddings stay. What is packed has no elements afterwards. Once.
  void Pack(const TransformerPacking& packing);
  // The rest of it, where each layer was packed as soon as it was loaded.
  void PackHeads(WeightPacking packing);
  // Of the weights that kInt8 has packed.
  int64_t Int8Bytes() const;

  // Hidden states of texts [B, S, text_dim] -> conditions [B, S, D].
  torch::Tensor ProjectText(const torch::Tensor& text_states);

  // One condition [1, S, D] for every layer. `score_bias` [S] or undefined.
  ConditionKv PrepareCondition(const torch::Tensor& condition, const torch::Tensor& score_bias);

  // States of texts [B, S, text_dim], padded where `mask` [B, S] bool is false -> scores
  // [B, num_tempos + max_beats_per_bar] float32 of the tempo and of the number of beats in a
  // bar, each from where in the text its query looks. Requires config().beats.
  torch::Tensor BeatLogits(const torch::Tensor& text_states, const torch::Tensor& mask);

  // [neighbour_tables, card, card] by codebook, code and the code after it: the logarithm of how
  // much likelier that is after this code than anywhere. Counted, or trained from there
  // (train/neighbour_start.h, train/span_neighbours.h). Undefined: the model has none.
  const torch::Tensor& neighbours() const { return neighbours_; }

  // What layer `index`'s cross-attention gives for the null condition: [D] float32,
  // or undefined: zero.
  torch::Tensor NullOutput(int index);

  // Inference: one sequence, both branches in one batch of rows. What cannot
  // reach the wanted logits is not computed: the null branch's cross-attention,
  // the second copy of the first self-attention, and in each layer the frames
  // that no wanted frame can see any more. Requires no_grad or inference mode.
  PassLogits Pass(const PassInput& input);

  TrainingOutput forward(const TrainingInput& input);

 private:
  // [B, K, T] and [B, T] -> [B, T, D]; ticks and first_frames as in TrainingInput.
  torch::Tensor Embed(const torch::Tensor& codes, const torch::Tensor& ticks,
                      const torch::Tensor& first_frames);
  // What `queries` attend to among the frames `present`, in the pass `input`.
  Visibility Sees(const PassInput& input, const torch::Tensor& queries,
                  const torch::Tensor& present) const;
  // Frames that layer l must output, for every layer; undefined: all.
  std::vector<torch::Tensor> FramesPerLayer(const PassInput& input) const;
  void AddCrossAttention(TransformerLayerImpl& layer, int index, const PassInput& input,
                         torch::Tensor& x);

  const LmConfig config_;
  torch::nn::ModuleList emb_;     // K of TokenEmbedding [card + 1, D]
  torch::nn::ModuleList layers_;  // num_layers of TransformerLayer
  torch::nn::LayerNorm out_norm_{nullptr};
  torch::nn::ModuleList linears_;     // K of Dense D -> card
  Dense output_proj_{nullptr};        // text_dim -> D
  TokenEmbedding beat_emb_{nullptr};  // [num_ticks + 1, D]; null without beats
  Dense beat_query_{nullptr};         // text_dim -> 2: scores of a text's tokens; likewise
  Dense beat_head_{nullptr};          // text_dim -> tempos + places; likewise
  torch::Tensor neighbours_;          // a buffer
};
TORCH_MODULE(MagnetTransformer);

// Sinusoidal positions [num_frames, dim] of frames 0..num_frames-1: cosines,
// then sines, of position / 10000^(i / (dim/2 - 1)).
torch::Tensor SinusoidalPositions(int num_frames, int dim);

// [M, N] bool: whether frame query_frames[m] attends to key_frames[n] in
// `stage`. Undefined where every frame attends to every other.
torch::Tensor AttentionMask(const LmConfig& config, int stage, const torch::Tensor& query_frames,
                            const torch::Tensor& key_frames);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_TRANSFORMER_H_
