// Measures the engine at the size of a released model, with random weights. What
// it measures, in seconds:
//   text        a text of 16 tokens encoded (T5-base's size)
//   pass_first  a guided pass over one window in which every frame is masked, in
//               the first stage (full attention)
//   pass_later  the same in a later stage (windowed attention)
//   last_first, last_later
//               the same where a single span is masked, as in a stage's last step
//   codec       a window decoded whole (EnCodec 32 kHz, 64 filters)
//   codec_chunks  the same in chunks of 50 frames, as it is streamed
//   clip        a whole window from codes to sound: 50 steps, sampling included
// Prints the medians; or, with --serve, reads names from its input and answers
// each with one time, so that bench/compare.py can take turns with the reference;
// or, with --write, measures nothing and writes that model, for bench/memory.py.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "model/bundle.h"
#include "model/checkpoint/file_bytes.h"
#include "model/clip_generation.h"
#include "model/heap.h"
#include "model/precision.h"
#include "model/t5/t5_encoder.h"
#include "model/torch.h"
#include "model/torch_type.h"

namespace magnet {
namespace {

constexpr int kTextTokens = 16;
constexpr int kChunkFrames = 50;

struct BenchOptions {
  int dim = 1024, layers = 24, heads = 16, window_frames = 498, card = 2048, filters = 64;
  int text_dim = 768, text_layers = 12;
  int repeats = 3, threads = 0;
  std::string dtype = "float32";
  bool clip = false, serve = false;
  std::string write_folder, tokenizer_file;
};

ModelConfig ReleasedShape(const BenchOptions& options) {
  ModelConfig config;
  config.lm = {.dim = options.dim,
               .num_heads = options.heads,
               .num_layers = options.layers,
               .ffn_dim = 4 * options.dim,
               .num_codebooks = 4,
               .card = options.card,
               .text_dim = options.text_dim,
               .window_frames = options.window_frames};
  config.codec = {.sample_rate_hz = 32000,
                  .num_filters = options.filters,
                  .dimension = 128,
                  .ratios = {8, 5, 4, 4},
                  .num_codebooks = 4,
                  .codebook_size = options.card};
  config.text_encoder = {.vocab_size = 32128,
                         .d_model = options.text_dim,
                         .d_kv = 64,
                         .d_ff = 4 * options.text_dim,
                         .num_layers = options.text_layers,
                         .num_heads = options.text_dim / 64};
  return config;
}

CpuPrecision Named(const std::string& dtype) {
  const auto found = PrecisionOnCpu(PrecisionNames().at(dtype));
  TORCH_CHECK(found.ok(), found.status().message());
  return *found;
}

class EngineBench {
 public:
  explicit EngineBench(const BenchOptions& options)
      : config_(ReleasedShape(options)),
        text_(config_.text_encoder),
        transformer_(config_.lm),
        codec_(config_.codec) {
    text_->ResetParameters();
    const CpuPrecision precision = Named(options.dtype);
    transformer_->ComputeIn(TorchType(precision.transformer));
    transformer_->Pack(precision.packing);
    codec_->DecodeIn(TorchType(precision.codec_decoder));
    const torch::Tensor states = torch::randn({1, kTextTokens, config_.lm.text_dim});
    condition_ = transformer_->PrepareCondition(transformer_->ProjectText(states), {});
    const int frames = options.window_frames;
    codes_ = torch::randint(0, config_.lm.card, {config_.lm.num_codebooks, frames});
    const torch::Tensor all = torch::arange(frames);
    const torch::Tensor one_span = torch::arange(frames / 2, frames / 2 + config_.lm.span_len);
    works_ = {
        {"text",
         [this] {
           text_->forward(torch::randint(3, 32000, {1, kTextTokens}));
         }},
        {"pass_first", [this, all] { Pass(0, all); }},
        {"pass_later", [this, all] { Pass(1, all); }},
        {"last_first", [this, one_span] { Pass(0, one_span); }},
        {"last_later", [this, one_span] { Pass(1, one_span); }},
        {"codec", [this] { Decode(codes_, static_cast<int>(codes_.size(1))); }},
        {"codec_chunks", [this] { Decode(codes_, kChunkFrames); }},
        {"clip", [this] { Clip(); }},
    };
  }

  // A measurement by its name, or null.
  const std::function<void()>* Find(const std::string& name) const {
    for (const auto& [known, work] : works_) {
      if (known == name) return &work;
    }
    return nullptr;
  }

  const std::vector<std::pair<std::string, std::function<void()>>>& works() const { return works_; }

 private:
  void Pass(int stage, const torch::Tensor& frames) {
    transformer_->Pass({.codes = codes_,
                        .stage = stage,
                        .frames = frames,
                        .condition = &condition_,
                        .guided = true});
  }

  void Decode(const torch::Tensor& codes, int chunk_frames) {
    StreamingDecoder decoder(codec_);
    for (int64_t t = 0; t < codes.size(1); t += chunk_frames) {
      const int64_t count = std::min<int64_t>(chunk_frames, codes.size(1) - t);
      decoder.Push(codes.narrow(1, t, count), t + count == codes.size(1));
    }
  }

  void Clip() {
    const int frames = config_.lm.window_frames;
    const int64_t num_codes = int64_t{config_.lm.num_codebooks} * frames;
    WindowDecoder decoder(config_.lm, SamplingSpec{},
                          {frames, std::vector<int64_t>(num_codes), std::vector<bool>(frames)});
    while (!decoder.done()) DecodeStep(decoder);
    Decode(torch::tensor(decoder.codes()).view({-1, frames}), frames);
  }

  void DecodeStep(WindowDecoder& decoder) {
    const DecodingStep& step = decoder.NextStep();
    const std::vector<int64_t> wanted(step.frames.begin(), step.frames.end());
    const bool last = step.step + 1 == SamplingSpec{}.decoding_steps[step.stage];
    const PassLogits logits = transformer_->Pass(
        {.codes = torch::tensor(decoder.codes()).view({-1, config_.lm.window_frames}),
         .stage = step.stage,
         .frames = torch::tensor(wanted),
         .condition = &condition_,
         .guided = !last});
    RowSampler sampler({.guidance = step.guidance, .temperature = step.temperature, .top_p = 0.9},
                       config_.lm.card);
    std::vector<SampledToken> tokens;
    for (size_t i = 0; i < wanted.size(); ++i) {
      tokens.push_back(*sampler.Sample(Row(logits.cond, i), Row(logits.uncond, i), {}));
    }
    decoder.FinishStep(tokens);
  }

  static std::span<const float> Row(const torch::Tensor& logits, size_t row) {
    if (!logits.defined()) return {};
    const auto card = static_cast<size_t>(logits.size(1));
    return {logits.data_ptr<float>() + row * card, card};
  }

  const ModelConfig config_;
  T5Encoder text_;
  MagnetTransformer transformer_;
  EncodecModel codec_;
  ConditionKv condition_;
  torch::Tensor codes_;  // [K, T]
  std::vector<std::pair<std::string, std::function<void()>>> works_;
};

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double MedianSeconds(int repeats, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) seconds.push_back(Seconds(work));
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

void PrintMedians(const EngineBench& bench, const BenchOptions& options) {
  std::cout << absl::StreamFormat("width %d, %d layers, %d heads, %d frames, %s, %d threads\n",
                                  options.dim, options.layers, options.heads, options.window_frames,
                                  options.dtype, at::get_num_threads());
  for (const auto& [name, work] : bench.works()) {
    if (name == "clip") continue;
    std::cout << absl::StreamFormat("%-14s %9.4f s\n", name, MedianSeconds(options.repeats, work))
              << std::flush;
  }
  if (options.clip)
    std::cout << absl::StreamFormat("clip %19.4f s\n", Seconds(*bench.Find("clip")));
}

// One line a name: seconds, or "unknown".
void Serve(const EngineBench& bench) {
  std::cout << "ready" << std::endl;
  for (std::string name; std::getline(std::cin, name);) {
    const std::function<void()>* const work = bench.Find(name);
    if (work == nullptr) {
      std::cout << "unknown" << std::endl;
    } else {
      std::cout << absl::StreamFormat("%.6f", Seconds(*work)) << std::endl;
    }
  }
}

// As a bundle in bfloat16, the type that models are released in or converted to.
absl::Status WriteModel(const BenchOptions& options) {
  const auto spiece = FileBytes::Map(options.tokenizer_file);
  if (!spiece.ok()) return spiece.status();
  Bundle bundle;
  bundle.config = ReleasedShape(options);
  bundle.config.name = "bench";
  bundle.config.license = "CC0-1.0";
  bundle.lm = ModuleTensors(*MagnetTransformer(bundle.config.lm));
  bundle.codec = ModuleTensors(*EncodecModel(bundle.config.codec));
  T5Encoder text(bundle.config.text_encoder);
  text->ResetParameters();
  bundle.text_encoder = ModuleTensors(*text);
  bundle.spiece_model = std::string((*spiece)->bytes());
  return WriteBundle(bundle, torch::kBFloat16, options.write_folder);
}

int Write(const BenchOptions& options) {
  const absl::Status written = WriteModel(options);
  if (!written.ok()) std::cerr << "magnet-engine-bench: " << written.message() << "\n";
  return written.ok() ? 0 : 1;
}

void Run(const BenchOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  const torch::NoGradGuard no_grad;
  const EngineBench bench(options);
  const torch::InferenceMode inference;
  options.serve ? Serve(bench) : PrintMedians(bench, options);
}

}  // namespace
}  // namespace magnet

int main(int argc, char** argv) {
  magnet::KeepFreedMemory();
  magnet::BenchOptions options;
  CLI::App app("Times the engine at a released model's size, with random weights.",
               "magnet-engine-bench");
  const auto number = [&app](const char* name, int& value, const char* what) {
    app.add_option(name, value, what)->capture_default_str();
  };
  number("--dim", options.dim, "Model width");
  number("--layers", options.layers, "Layers");
  number("--heads", options.heads, "Attention heads");
  number("--frames", options.window_frames, "Frames of a window");
  number("--card", options.card, "Entries of a codebook");
  number("--filters", options.filters, "Filters of the codec");
  number("--text-dim", options.text_dim, "Width of the text encoder, a multiple of 64");
  number("--text-layers", options.text_layers, "Layers of the text encoder");
  number("--repeats", options.repeats, "Runs, of which the median counts");
  number("--threads", options.threads, "0: one per core");
  app.add_option("--dtype", options.dtype,
                 "Arithmetic of the transformer and of the codec's decoder")
      ->check(CLI::IsMember({"float32", "bfloat16", "int8"}))
      ->capture_default_str();
  app.add_flag("--clip", options.clip, "Also a whole clip of 50 steps");
  app.add_flag("--serve", options.serve, "Answer names from the input with seconds");
  auto* const write = app.add_option("--write", options.write_folder,
                                     "Write the model to this folder as a bundle, and stop");
  app.add_option("--tokenizer", options.tokenizer_file, "SentencePiece model of that bundle")
      ->needs(write);
  CLI11_PARSE(app, argc, argv);
  if (!options.write_folder.empty()) return magnet::Write(options);
  magnet::Run(options);
  return 0;
}
