#include "model/magnet/cpu_step_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <span>
#include <vector>

#include "model/magnet/attend_row.h"

namespace magnet {
namespace {

const float* Floats(const Element* elements) { return reinterpret_cast<const float*>(elements); }
float* Floats(Element* elements) { return reinterpret_cast<float*>(elements); }

size_t Offset(int64_t row, int64_t width) { return static_cast<size_t>(row * width); }

void Normalize(const float* x, const AddNormArgs& args, float* out) {
  const int dim = args.dim;
  const float* const gamma = Floats(args.gamma);
  const float* const beta = Floats(args.beta);
  float mean = 0, variance = 0;
  for (int i = 0; i < dim; ++i) mean += x[i];
  mean /= static_cast<float>(dim);
  for (int i = 0; i < dim; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / std::sqrt(variance / static_cast<float>(dim) + 1e-5f);
  for (int i = 0; i < dim; ++i) out[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
}

}  // namespace

void CpuStepKernels::Upload(void* destination, const void* source, size_t bytes) {
  std::memcpy(destination, source, bytes);
}

void CpuStepKernels::Download(void* destination, const void* source, size_t bytes) {
  std::memcpy(destination, source, bytes);
}

void CpuStepKernels::Embed(const EmbedArgs& args) {
  const int64_t dim = args.dim;
  for (int row = 0; row < args.num_rows; ++row) {
    float* const x = args.x + Offset(row, dim);
    std::fill_n(x, dim, 0.0f);
    if (args.frames[row] < 0) continue;
    for (int i = 0; i < args.num_inputs; ++i) {
      const int64_t id = args.ids[Offset(row, args.num_inputs) + i];
      const float* const embedding =
          Floats(args.table) + Offset(int64_t{i} * args.num_ids + id, dim);
      for (int d = 0; d < dim; ++d) x[d] += embedding[d];
    }
    const float* const position = args.positions + Offset(args.frames[row], dim);
    for (int i = 0; i < dim; ++i) x[i] += position[i];
  }
}

void CpuStepKernels::AddNorm(const AddNormArgs& args) {
  std::vector<float> sum(static_cast<size_t>(args.dim));
  for (int i = 0; i < args.num_rows; ++i) {
    float* const out = Floats(args.out) + Offset(args.first_row + i, args.dim);
    const int row = args.gather == nullptr ? args.first_row + i : args.gather[i];
    if (row < 0) {
      std::fill_n(out, args.dim, 0.0f);
      continue;
    }
    float* const x = args.x + Offset(row, args.dim);
    for (int d = 0; d < args.dim; ++d) {
      const float y = args.y == nullptr ? 0.0f : Floats(args.y)[Offset(row, args.dim) + d];
      sum[d] = x[d] + y + (args.constant == nullptr ? 0.0f : args.constant[d]);
    }
    if (args.gather == nullptr) std::copy(sum.begin(), sum.end(), x);
    Normalize(sum.data(), args, out);
  }
}

void CpuStepKernels::Linear(const LinearArgs& args) {
  float* const output = args.output == nullptr ? args.float_output : Floats(args.output);
  for (int row = args.first_row; row < args.first_row + args.num_rows; ++row) {
    const float* const input = Floats(args.input) + Offset(row, args.in);
    for (int o = 0; o < args.out; ++o) {
      const float bias = args.bias == nullptr ? 0.0f : static_cast<const float*>(args.bias)[o];
      output[Offset(row, args.out) + o] =
          Dot(input, Floats(args.weight) + Offset(o, args.in), args.in) + bias;
    }
  }
}

void CpuStepKernels::Gelu(const GeluArgs& args) {
  float* const x = Floats(args.x);
  const float root_half = static_cast<float>(1.0 / std::numbers::sqrt2);
  for (size_t i = 0; i < Offset(args.num_rows, args.dim); ++i) {
    x[i] = 0.5f * x[i] * (1.0f + std::erf(x[i] * root_half));
  }
}

void CpuStepKernels::SelfAttention(const SelfAttentionArgs& args) {
  const int64_t dim = args.dim, width = dim / args.num_heads;
  std::vector<float> scores;
  for (int s = 0; s < args.num_sequences; ++s) {
    const AttentionSpan& span = args.spans[s];
    for (int i = 0; i < span.num_rows; ++i) {
      for (int head = 0; head < args.num_heads; ++head) {
        const float* const first = Floats(args.qkv) + Offset(span.first_row, 3 * dim);
        const AttendedKeys keys = {.keys = first + dim + head * width,
                                   .values = first + 2 * dim + head * width,
                                   .first = std::max(i - span.back, 0),
                                   .end = std::min(i + span.ahead + 1, span.num_rows),
                                   .key_stride = 3 * dim,
                                   .value_stride = 3 * dim};
        AttendRow(first + Offset(i, 3 * dim) + head * width, keys, width, scores,
                  Floats(args.out) + Offset(span.first_row + i, dim) + head * width);
      }
    }
  }
}

void CpuStepKernels::CrossAttention(const CrossAttentionArgs& args) {
  const int64_t dim = args.dim, width = dim / args.num_heads;
  std::vector<float> scores;
  for (int s = 0; s < args.num_sequences; ++s) {
    const AttentionSpan& span = args.spans[s];
    const TextSpan& text = args.texts[s];
    const float* const kv =
        Floats(text.kv) + Offset(int64_t{2} * args.layer, int64_t{text.num_keys} * dim);
    for (int row = span.first_row; row < span.first_row + span.num_rows; ++row) {
      for (int head = 0; head < args.num_heads; ++head) {
        const AttendedKeys keys = {.keys = kv + head * width,
                                   .values = kv + Offset(text.num_keys, dim) + head * width,
                                   .score_bias = text.score_bias,
                                   .end = text.num_keys,
                                   .key_stride = dim,
                                   .value_stride = dim};
        AttendRow(Floats(args.q) + Offset(row, dim) + head * width, keys, width, scores,
                  Floats(args.out) + Offset(row, dim) + head * width);
      }
    }
  }
}

void CpuStepKernels::Sample(const SampleArgs& args) {
  const auto row = [&](int index) -> std::span<const float> {
    if (index < 0) return {};
    return {args.logits + Offset(index, args.card), static_cast<size_t>(args.card)};
  };
  const auto after = [&](const Draw& draw, uint32_t stage) -> std::span<const float> {
    if (draw.before < 0 || args.tokens[draw.before].token < 0) return {};
    const int row = static_cast<int>(stage) * args.card + args.tokens[draw.before].token;
    return {args.neighbours + Offset(row, args.card), static_cast<size_t>(args.card)};
  };
  for (int i = 0; i < args.num_draws; ++i) {
    const Draw& draw = args.draws[i];
    if (draw.round != args.round) continue;
    const DrawSettings& settings = args.settings[draw.settings];
    DrawPosition position = settings.position;
    position.frame = draw.frame;
    RowSampler sampler(settings.sampling, args.card);
    const auto token = sampler.Sample(row(draw.cond_row), row(draw.uncond_row), position,
                                      after(draw, position.stage));
    args.tokens[i] = token.value_or(SampledToken{/*token=*/-1, /*probability=*/0});
  }
}

}  // namespace magnet
