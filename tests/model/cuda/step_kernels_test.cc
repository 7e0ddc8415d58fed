// Each CUDA kernel against its CPU twin, on the same rounded inputs. If one of these
// fails, a GPU computes something else than the model.
#include "model/magnet/step_kernels.h"

#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "model/magnet/cpu_step_kernels.h"
#include "tests/model/cuda/kernels_under_test.h"

namespace magnet {
namespace {

using Half = c10::Half;

// Of results in half from the same inputs, relative to the largest: what rounding
// them, and the probabilities of attention, to 11 bits gives.
constexpr float kHalfTolerance = 2e-3f;

// One array in both worlds: the device's, in half where it holds elements, and the
// CPU twin's with the same values.
template <typename T>
struct Array {
  T* device = nullptr;
  T* host = nullptr;
  std::vector<T> values;
};

struct Elements {
  Element* device = nullptr;
  Element* host = nullptr;
  std::vector<float> values;  // representable in half
};

class StepKernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    under_test_ = OpenKernelsUnderTest(why);
    if (under_test_ == nullptr) GTEST_SKIP() << "no GPU to compare with: " << why;
  }

  StepKernels& device() { return under_test_->kernels(); }

  std::vector<float> Random(size_t count, float scale = 1.0f) {
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random_);
    return values;
  }

  template <typename T>
  void Share(std::vector<T> values, Array<T>& array) {
    array.values = std::move(values);
    array.host = array.values.data();
    array.device = static_cast<T*>(Copy(array.host, array.values.size() * sizeof(T)));
  }

  void Share(std::vector<float> values, Elements& elements) {
    std::vector<Half> halves(values.begin(), values.end());
    elements.values.assign(halves.begin(), halves.end());
    elements.host = reinterpret_cast<Element*>(elements.values.data());
    elements.device = static_cast<Element*>(Copy(halves.data(), halves.size() * sizeof(Half)));
  }

  void* Copy(const void* source, size_t bytes) {
    void* const memory = under_test_->Allocate(std::max<size_t>(bytes, 16));
    device().Upload(memory, source, bytes);
    return memory;
  }

  std::vector<float> Read(const Element* elements, size_t count) {
    std::vector<Half> halves(count);
    device().Download(halves.data(), elements, count * sizeof(Half));
    return {halves.begin(), halves.end()};
  }

  template <typename T>
  std::vector<T> Read(const T* values, size_t count) {
    std::vector<T> read(count);
    device().Download(read.data(), values, count * sizeof(T));
    return read;
  }

  static void ExpectClose(const std::vector<float>& found, const float* wanted, float tolerance,
                          const std::string& what) {
    float largest = 0, furthest = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      largest = std::max(largest, std::abs(wanted[i]));
      const float difference = std::abs(found[i] - wanted[i]);
      furthest = difference <= furthest ? furthest : difference;  // keeps NaN
    }
    EXPECT_LE(furthest, tolerance * largest) << what;
  }
  static void ExpectClose(const std::vector<float>& found, const Element* wanted,
                          const std::string& what) {
    ExpectClose(found, reinterpret_cast<const float*>(wanted), kHalfTolerance, what);
  }

  std::mt19937 random_{7};
  CpuStepKernels cpu_;
  std::unique_ptr<KernelsUnderTest> under_test_;
};

TEST_F(StepKernelsTest, EmbedsSumsAndLeavesFillingRowsEmpty) {
  constexpr int kRows = 5, kCodebooks = 3, kIds = 7, kDim = 48;
  Array<int32_t> codes, frames;
  Array<float> positions, x;
  Elements table;
  Share(std::vector<int32_t>{0, 1, 2, 6, 6, 6, 3, 2, 1, 0, 0, 0, 5, 4, 3}, codes);
  Share(std::vector<int32_t>{0, 3, 1, -1, 2}, frames);
  Share(Random(4 * kDim), positions);
  Share(Random(kCodebooks * kIds * kDim), table);
  Share(Random(kRows * kDim), x);
  EmbedArgs args = {codes.host, frames.host, table.host, positions.host, x.host, kRows,
                    kCodebooks, kIds,        kDim};
  cpu_.Embed(args);
  args = {codes.device, frames.device, table.device, positions.device, x.device, kRows,
          kCodebooks,   kIds,          kDim};
  device().Embed(args);
  ExpectClose(Read(x.device, kRows * kDim), x.host, 1e-6f, "rows");
  EXPECT_EQ(x.values[3 * kDim], 0.0f);
}

TEST_F(StepKernelsTest, AddsAndNormalizes) {
  for (const int dim : {48, 64, 264, 1024, 1536, 2048}) {
    constexpr int kRows = 7;
    Array<float> x, constant;
    Elements y, gamma, beta, out;
    Share(Random(static_cast<size_t>(kRows * dim), 3.0f), x);
    Share(Random(static_cast<size_t>(dim)), constant);
    Share(Random(static_cast<size_t>(kRows * dim)), y);
    Share(Random(static_cast<size_t>(dim)), gamma);
    Share(Random(static_cast<size_t>(dim)), beta);
    Share(Random(static_cast<size_t>(kRows * dim)), out);
    // The rows before and after must stay as they are.
    AddNormArgs args = {.x = x.host,
                        .y = y.host,
                        .constant = constant.host,
                        .gamma = gamma.host,
                        .beta = beta.host,
                        .out = out.host,
                        .first_row = 1,
                        .num_rows = kRows - 2,
                        .dim = dim};
    cpu_.AddNorm(args);
    args.x = x.device, args.y = y.device, args.constant = constant.device;
    args.gamma = gamma.device, args.beta = beta.device, args.out = out.device;
    device().AddNorm(args);
    const auto count = static_cast<size_t>(kRows * dim);
    ExpectClose(Read(x.device, count), x.host, 1e-6f, "stream, width " + std::to_string(dim));
    ExpectClose(Read(out.device, count), out.host, "norm, width " + std::to_string(dim));
  }
}

TEST_F(StepKernelsTest, GathersWantedRowsAndLeavesTheStreamAlone) {
  constexpr int kRows = 6, kWanted = 4, kDim = 64;
  Array<float> x;
  Array<int32_t> wanted;
  Elements y, gamma, beta, out;
  Share(Random(kRows * kDim), x);
  Share(std::vector<int32_t>{5, 0, -1, 3}, wanted);
  Share(Random(kRows * kDim), y);
  Share(Random(kDim), gamma);
  Share(Random(kDim), beta);
  Share(Random(kWanted * kDim), out);
  const std::vector<float> before = x.values;
  AddNormArgs args = {.x = x.host,
                      .y = y.host,
                      .gamma = gamma.host,
                      .beta = beta.host,
                      .gather = wanted.host,
                      .out = out.host,
                      .num_rows = kWanted,
                      .dim = kDim};
  cpu_.AddNorm(args);
  args.x = x.device, args.y = y.device, args.gamma = gamma.device, args.beta = beta.device;
  args.gather = wanted.device, args.out = out.device;
  device().AddNorm(args);
  ExpectClose(Read(out.device, kWanted * kDim), out.host, "wanted rows");
  EXPECT_EQ(Read(x.device, kRows * kDim), before);
}

TEST_F(StepKernelsTest, ComputesGeluWithErf) {
  constexpr int kRows = 3, kDim = 776;
  Elements x;
  Share(Random(kRows * kDim, 2.0f), x);
  cpu_.Gelu({x.host, kRows, kDim});
  device().Gelu({x.device, kRows, kDim});
  ExpectClose(Read(x.device, kRows * kDim), x.host, "gelu");
}

// Bands of attention: back, ahead.
constexpr int kAll = 10000;
constexpr std::pair<int, int> kBands[] = {{kAll, kAll}, {5, 5}, {kAll, 0}, {0, 0}, {70, 70}};

TEST_F(StepKernelsTest, AttendsWithinSequencesAndBands) {
  for (const int width : {8, 16, 32, 48, 64, 128}) {
    for (const auto& [back, ahead] : kBands) {
      const int heads = 2, dim = heads * width;
      const std::vector<int> lengths = {1, 64, 0, 65, 150};
      std::vector<AttentionSpan> list;
      int rows = 3;  // the first rows are nobody's
      for (const int length : lengths) {
        list.push_back({rows, length, back, ahead});
        rows += length;
      }
      Elements qkv, out;
      Array<AttentionSpan> spans;
      Share(Random(static_cast<size_t>(rows * 3 * dim)), qkv);
      Share(Random(static_cast<size_t>(rows * dim)), out);
      Share(list, spans);
      SelfAttentionArgs args = {
          qkv.host,           spans.host, out.host, static_cast<int>(lengths.size()),
          /*max_frames=*/192, dim,        heads};
      cpu_.SelfAttention(args);
      args.qkv = qkv.device, args.spans = spans.device, args.out = out.device;
      device().SelfAttention(args);
      ExpectClose(Read(out.device, static_cast<size_t>(rows * dim)), out.host,
                  "width " + std::to_string(width) + ", back " + std::to_string(back) + ", ahead " +
                      std::to_string(ahead));
      if (KernelsAreEmulated() && width != 16) break;  // one band
    }
  }
}

TEST_F(StepKernelsTest, AttendsToTextsOfEveryLengthWithTheirWeights) {
  const int heads = 3, width = 16, dim = heads * width, layers = 2;
  const std::vector<int> lengths = {70, 5, 64, 3}, keys = {1, 130, 64, 17};
  std::vector<AttentionSpan> span_list;
  std::vector<TextSpan> host_texts, device_texts;
  std::vector<Elements> kv(lengths.size());
  std::vector<Array<float>> bias(lengths.size());
  int rows = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    span_list.push_back({rows, lengths[i], 0, 0});
    rows += lengths[i];
    Share(Random(static_cast<size_t>(layers * 2 * keys[i] * dim)), kv[i]);
    Share(Random(static_cast<size_t>(keys[i])), bias[i]);
    const bool weighted = i % 2 == 1;
    host_texts.push_back({kv[i].host, weighted ? bias[i].host : nullptr, keys[i]});
    device_texts.push_back({kv[i].device, weighted ? bias[i].device : nullptr, keys[i]});
  }
  span_list.push_back({});  // an empty entry
  host_texts.push_back({});
  device_texts.push_back({});
  Elements q, out;
  Array<AttentionSpan> spans;
  Array<TextSpan> texts;
  Share(Random(static_cast<size_t>(rows * dim)), q);
  Share(Random(static_cast<size_t>(rows * dim)), out);
  Share(span_list, spans);
  Share(device_texts, texts);
  for (int layer = 0; layer < layers; ++layer) {
    CrossAttentionArgs args = {q.host,
                               spans.host,
                               host_texts.data(),
                               out.host,
                               layer,
                               static_cast<int>(span_list.size()),
                               /*max_frames=*/128,
                               dim,
                               heads};
    cpu_.CrossAttention(args);
    args.q = q.device, args.spans = spans.device, args.texts = texts.device, args.out = out.device;
    device().CrossAttention(args);
    ExpectClose(Read(out.device, static_cast<size_t>(rows * dim)), out.host,
                "layer " + std::to_string(layer));
  }
}

// If this fails, a seed gives other bytes in other company.
TEST_F(StepKernelsTest, ASequenceAttendsToTheSameBytesAloneAndInCompany) {
  const int heads = 2, width = 64, dim = heads * width, length = 150, others = 77;
  const std::vector<float> data = Random(static_cast<size_t>(length * 3 * dim));
  std::vector<float> crowd = Random(static_cast<size_t>(others * 3 * dim));
  crowd.insert(crowd.end(), data.begin(), data.end());
  Elements alone_qkv, crowd_qkv, alone_out, crowd_out;
  Array<AttentionSpan> alone, crowded;
  Share(data, alone_qkv);
  Share(crowd, crowd_qkv);
  Share(Random(static_cast<size_t>(length * dim)), alone_out);
  Share(Random(static_cast<size_t>((others + length) * dim)), crowd_out);
  Share(std::vector<AttentionSpan>{{0, length, 30, 30}}, alone);
  Share(std::vector<AttentionSpan>{{0, others, kAll, kAll}, {others, length, 30, 30}}, crowded);
  device().SelfAttention({alone_qkv.device, alone.device, alone_out.device, 1, 192, dim, heads});
  device().SelfAttention({crowd_qkv.device, crowded.device, crowd_out.device, 2, 256, dim, heads});
  const std::vector<float> in_company =
      Read(crowd_out.device, static_cast<size_t>((others + length) * dim));
  EXPECT_EQ(Read(alone_out.device, static_cast<size_t>(length * dim)),
            std::vector<float>(in_company.begin() + others * dim, in_company.end()));
}

TEST_F(StepKernelsTest, MultipliesWithAndWithoutBias) {
  const int rows = 2 * device().row_tile();
  for (const auto& [in, out] : {std::pair(64, 192), std::pair(48, 40), std::pair(256, 64)}) {
    for (const bool biased : {false, true}) {
      Elements input, weight, bias, output;
      Array<float> logits, float_bias;
      const auto count = static_cast<size_t>(rows * out);
      Share(Random(static_cast<size_t>(rows * in)), input);
      Share(Random(static_cast<size_t>(out * in), 0.1f), weight);
      Share(Random(static_cast<size_t>(out)), bias);
      Share(bias.values, float_bias);
      Share(std::vector<float>(count), output);
      Share(std::vector<float>(count), logits);
      const int first = device().row_tile();
      LinearArgs args = {.input = input.host,
                         .weight = weight.host,
                         .bias = biased ? float_bias.host : nullptr,
                         .output = output.host,
                         .first_row = first,
                         .num_rows = first,
                         .in = in,
                         .out = out};
      cpu_.Linear(args);
      args.input = input.device, args.weight = weight.device, args.output = output.device;
      args.bias = biased ? bias.device : nullptr;
      device().Linear(args);
      const std::string what = std::to_string(in) + " to " + std::to_string(out);
      ExpectClose(Read(output.device, count), output.host, what);
      args.output = nullptr, args.float_output = logits.device;
      args.bias = biased ? float_bias.device : nullptr;
      device().Linear(args);
      ExpectClose(Read(logits.device, count), reinterpret_cast<float*>(output.host), 1e-4f,
                  what + ", float32");
    }
  }
}

// The pinned algorithms: a row's bytes must not depend on how many rows there are.
TEST_F(StepKernelsTest, ARowIsMultipliedToTheSameBytesInAnyCompany) {
  const int tile = device().row_tile();
  const int sizes[][2] = {{1024, 3072}, {1024, 1024}, {1024, 4096}, {4096, 1024},
                          {1024, 2048}, {1536, 6144}, {64, 192},    {48, 40}};
  for (const auto& [in, out] : sizes) {
    if (KernelsAreEmulated() && in > 64) continue;
    const std::vector<float> row_values = Random(static_cast<size_t>(tile * in));
    Elements weight;
    Share(Random(static_cast<size_t>(in) * static_cast<size_t>(out), 0.05f), weight);
    std::vector<std::vector<float>> results;
    for (const int tiles : {1, 2, 3, 8, 17, 33}) {
      std::vector<float> values = Random(static_cast<size_t>(tiles * tile * in));
      std::copy(row_values.begin(), row_values.end(),
                values.end() - static_cast<std::ptrdiff_t>(row_values.size()));
      Elements input, output;
      Share(values, input);
      const auto count = static_cast<size_t>(tiles * tile) * static_cast<size_t>(out);
      Share(std::vector<float>(count), output);
      device().Linear({.input = input.device,
                       .weight = weight.device,
                       .output = output.device,
                       .num_rows = tiles * tile,
                       .in = in,
                       .out = out});
      const std::vector<float> all = Read(output.device, count);
      results.emplace_back(all.end() - tile * out, all.end());
      EXPECT_EQ(results.back(), results.front()) << tiles << " tiles of " << in << " to " << out;
    }
  }
}

class SamplingKernel : public StepKernelsTest {
 protected:
  // Draws for `rows` frames from the same logits with both tables.
  void ExpectSameTokens(const RowSampling& sampling, const std::vector<float>& logit_values,
                        int card, const std::string& what) {
    const int rows = static_cast<int>(logit_values.size()) / card / 2;
    std::vector<Draw> draw_list;
    for (int i = 0; i < rows; ++i) {
      const bool guided = i % 3 != 0;
      draw_list.push_back({i, guided ? rows + i : -1, i % 2, static_cast<uint32_t>(7 * i)});
    }
    DrawSettings first = {sampling, {1, 2, 3, 0}}, second = {sampling, {0, 1, 9, 0}};
    second.sampling.seed ^= 0xdeadbeef12345678u;
    Array<float> logits;
    Array<Draw> draws;
    Array<DrawSettings> settings;
    Array<SampledToken> tokens;
    Share(logit_values, logits);
    Share(draw_list, draws);
    Share(std::vector<DrawSettings>{first, second}, settings);
    Share(std::vector<SampledToken>(draw_list.size()), tokens);
    cpu_.Sample({logits.host, draws.host, settings.host, tokens.host, rows, card});
    device().Sample({logits.device, draws.device, settings.device, tokens.device, rows, card});
    const std::vector<SampledToken> found = Read(tokens.device, tokens.values.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const SampledToken& wanted = tokens.values[i];
      EXPECT_EQ(found[i].token, wanted.token) << what << ", row " << i;
      EXPECT_NEAR(found[i].probability, wanted.probability, 1e-5f * wanted.probability)
          << what << ", row " << i;
    }
  }

  int rows() const { return KernelsAreEmulated() ? 12 : 300; }
};

TEST_F(SamplingKernel, DrawsTheSameTokensInEveryWay) {
  for (const int card : {5, 64, 300, 2048}) {
    const std::vector<float> logits = Random(static_cast<size_t>(2 * rows() * card), 2.0f);
    const auto expect = [&](const std::string& name, RowSampling sampling) {
      sampling.guidance = 3.5;
      sampling.temperature = 1.7;
      sampling.seed = 42;
      ExpectSameTokens(sampling, logits, card, name + ", card " + std::to_string(card));
    };
    expect("greedy", {.greedy = true});
    expect("top-p", {.top_p = 0.9});
    expect("small top-p", {.top_p = 0.05});
    expect("top-k", {.top_k = 3});
    expect("whole", {});
  }
}

TEST_F(SamplingKernel, TakesTheFirstOfEqualLogits) {
  constexpr int kCard = 300;
  std::vector<float> logits(static_cast<size_t>(2 * rows() * kCard), 0.0f);
  for (size_t i = 0; i < logits.size(); i += 37) logits[i] = 1.0f;
  ExpectSameTokens({.greedy = true}, logits, kCard, "equal logits");
}

TEST_F(SamplingKernel, NamesRowsThatAreNotFinite) {
  constexpr int kCard = 64;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits = Random(static_cast<size_t>(2 * rows() * kCard));
    logits[2 * kCard + 5] = bad;
    ExpectSameTokens({.top_p = 0.9}, logits, kCard, "not finite");
  }
}

}  // namespace
}  // namespace magnet
