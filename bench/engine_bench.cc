// Measures the engine at the size of a released model, with random weights:
//   text      seconds to encode a text of 16 tokens (T5-base's size)
//   pass      seconds of a guided forward pass over one window in which every
//             frame is masked, for the first stage (full attention) and for a
//             later one (windowed attention)
//   last      the same for a pass that masks a single span, as a stage's last
//             steps do
//   codec     seconds to decode the window (EnCodec 32 kHz, 64 filters)
//   clip      seconds of a whole window from text to sound (--clip; 50 steps)
// Compare with the reference in one run: bench/reference_pass.py prints its passes.
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <vector>

#include "absl/strings/str_format.h"
#include "model/clip_generation.h"
#include "model/t5/t5_encoder.h"

namespace magnet {
namespace {

struct BenchOptions {
  int dim = 1024, layers = 24, heads = 16, window_frames = 498, repeats = 3, threads = 0;
  std::string dtype = "float32";
  bool clip = false;
};

ModelConfig ReleasedShape(const BenchOptions& options) {
  ModelConfig config;
  config.lm = {.dim = options.dim,
               .num_heads = options.heads,
               .num_layers = options.layers,
               .ffn_dim = 4 * options.dim,
               .num_codebooks = 4,
               .card = 2048,
               .text_dim = 768,
               .window_frames = options.window_frames};
  config.codec = {.sample_rate_hz = 32000,
                  .num_filters = 64,
                  .dimension = 128,
                  .ratios = {8, 5, 4, 4},
                  .num_codebooks = 4,
                  .codebook_size = 2048};
  config.text_encoder = {.vocab_size = 32128,
                         .d_model = 768,
                         .d_kv = 64,
                         .d_ff = 3072,
                         .num_layers = 12,
                         .num_heads = 12};
  return config;
}

double MedianSeconds(int repeats, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

void Print(const char* what, double seconds) {
  std::cout << absl::StreamFormat("%-28s %8.3f s\n", what, seconds) << std::flush;
}

void BenchText(const BenchOptions& options, const ModelConfig& config) {
  T5Encoder encoder(config.text_encoder);
  encoder->ResetParameters();
  const torch::Tensor ids = torch::randint(3, 32000, {1, 16});
  Print("text", MedianSeconds(options.repeats, [&] { encoder->forward(ids); }));
}

void BenchPasses(const BenchOptions& options, const ModelConfig& config,
                 MagnetTransformer& transformer, const ConditionKv& condition) {
  const int frames = options.window_frames;
  const torch::Tensor codes = torch::randint(0, 2048, {4, frames});
  const auto pass = [&](int stage, const torch::Tensor& wanted) {
    transformer->Pass({.codes = codes,
                       .stage = stage,
                       .frames = wanted,
                       .condition = &condition,
                       .guided = true});
  };
  const torch::Tensor all = torch::arange(frames);
  const torch::Tensor one_span = torch::arange(frames / 2, frames / 2 + 3);
  const auto time = [&](int stage, const torch::Tensor& wanted) {
    return MedianSeconds(options.repeats, [&] { pass(stage, wanted); });
  };
  Print("pass, first stage", time(0, all));
  Print("pass, later stage", time(1, all));
  Print("last pass, first stage", time(0, one_span));
  Print("last pass, later stage", time(1, one_span));
}

void BenchCodec(const BenchOptions& options, const ModelConfig& config, EncodecModel& codec) {
  const torch::Tensor codes = torch::randint(0, 2048, {4, options.window_frames});
  Print("codec, one window", MedianSeconds(options.repeats, [&] {
          StreamingDecoder decoder(codec);
          for (int t = 0; t < codes.size(1); t += 50) {
            const int64_t count = std::min<int64_t>(50, codes.size(1) - t);
            decoder.Push(codes.narrow(1, t, count), t + count == codes.size(1));
          }
        }));
}

void BenchClip(Engine& engine, const ConditionKv& condition) {
  const auto begin = std::chrono::steady_clock::now();
  SamplingSpec sampling;
  const int frames = engine.config.lm.window_frames;
  WindowDecoder decoder(engine.config.lm, sampling,
                        {frames, std::vector<int64_t>(4 * frames), std::vector<bool>(frames)});
  while (!decoder.done()) {
    const DecodingStep& step = decoder.NextStep();
    const std::vector<int64_t> wanted(step.frames.begin(), step.frames.end());
    const PassLogits logits =
        engine.transformer->Pass({.codes = torch::tensor(decoder.codes()).view({4, frames}),
                                  .stage = step.stage,
                                  .frames = torch::tensor(wanted),
                                  .condition = &condition,
                                  .guided = step.step + 1 < sampling.decoding_steps[step.stage]});
    RowSampler sampler({.guidance = step.guidance, .temperature = step.temperature, .top_p = 0.9},
                       2048);
    std::vector<SampledToken> tokens;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto row = [&](const torch::Tensor& t) {
        return t.defined() ? std::span<const float>(t.data_ptr<float>() + i * 2048, 2048)
                           : std::span<const float>();
      };
      tokens.push_back(*sampler.Sample(row(logits.cond), row(logits.uncond), {}));
    }
    decoder.FinishStep(tokens);
  }
  StreamingDecoder audio(engine.codec);
  audio.Push(torch::tensor(decoder.codes()).view({4, frames}), /*last=*/true);
  Print("clip, codes and sound",
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

void Run(const BenchOptions& options) {
  const torch::InferenceMode inference;
  if (options.threads > 0) at::set_num_threads(options.threads);
  Engine engine;
  engine.config = ReleasedShape(options);
  engine.transformer = MagnetTransformer(engine.config.lm);
  engine.codec = EncodecModel(engine.config.codec);
  const auto dtype = options.dtype == "bfloat16" ? torch::kBFloat16 : torch::kFloat;
  engine.transformer->to(dtype);
  std::cout << absl::StreamFormat("width %d, %d layers, %d heads, %d frames, %s, %d threads\n",
                                  options.dim, options.layers, options.heads, options.window_frames,
                                  options.dtype, at::get_num_threads());
  const ConditionKv condition = engine.transformer->PrepareCondition(
      engine.transformer->ProjectText(torch::randn({1, 16, 768})), {});
  BenchText(options, engine.config);
  BenchPasses(options, engine.config, engine.transformer, condition);
  BenchCodec(options, engine.config, engine.codec);
  if (options.clip) BenchClip(engine, condition);
}

}  // namespace
}  // namespace magnet

int main(int argc, char** argv) {
  magnet::BenchOptions options;
  CLI::App app("Times the engine at a released model's size, with random weights.",
               "magnet-engine-bench");
  app.add_option("--dim", options.dim, "Model width")->capture_default_str();
  app.add_option("--layers", options.layers, "Layers")->capture_default_str();
  app.add_option("--heads", options.heads, "Attention heads")->capture_default_str();
  app.add_option("--frames", options.window_frames, "Frames of a window")->capture_default_str();
  app.add_option("--repeats", options.repeats, "Runs, of which the median counts")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core")->capture_default_str();
  app.add_option("--dtype", options.dtype, "Arithmetic of the transformer")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_flag("--clip", options.clip, "Also a whole clip of 50 steps");
  CLI11_PARSE(app, argc, argv);
  magnet::Run(options);
  return 0;
}
