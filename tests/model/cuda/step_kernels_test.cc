// Each CUDA kernel against its CPU twin, on the same rounded inputs. If one of these
// fails, a GPU computes something else than the model.
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/cuda/step_kernels_fixture.h"

namespace magnet {
namespace {

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

}  // namespace
}  // namespace magnet
