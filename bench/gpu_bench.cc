// Measures packed steps at a released model's size, with random weights: what a GPU
// takes for one clip, and how many clips it makes when several share its steps. What
// it measures, in seconds:
//   text    texts of 16 tokens encoded (T5-base's size) and projected for all layers
//   steps   all decoding steps of a window (50 of them), masking and sampling included
//   codec   the window decoded to sound in one piece (EnCodec 32 kHz, 64 filters)
//   clips   the three of them for a batch of so many clips: from texts to sound
//   on end  a batch's share of several that follow one another, the codec at work beside the
//           next one's text and steps, as a busy server has it
// and from the last clips per second. Medians of several runs, after one that warms up
// (choosing algorithms, recording steps). Prints a table, or JSON with --json.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "model/audio_queue.h"
#include "model/device.h"
#include "model/encodec/encodec_model.h"
#include "model/magnet/cpu_step_kernels.h"
#include "model/magnet/packed_transformer.h"
#include "model/magnet/window_decoder.h"
#include "model/t5/t5_encoder.h"
#include "model/torch.h"

namespace magnet {
namespace {

constexpr int kTextTokens = 16, kTextDim = 768;

struct GpuBenchOptions {
  std::string shape = "small-10s";
  std::string device = "cuda";
  std::vector<int> batches = {1, 2, 4, 8, 16};
  int repeats = 5;
  bool json = false;
};

const std::map<std::string, LmConfig> kShapes = {{"small-10s",
                                                  {.dim = 1024,
                                                   .num_heads = 16,
                                                   .num_layers = 24,
                                                   .ffn_dim = 4096,
                                                   .num_codebooks = 4,
                                                   .card = 2048,
                                                   .text_dim = kTextDim,
                                                   .window_frames = 498}},
                                                 {"medium-30s",
                                                  {.dim = 1536,
                                                   .num_heads = 24,
                                                   .num_layers = 48,
                                                   .ffn_dim = 6144,
                                                   .num_codebooks = 4,
                                                   .card = 2048,
                                                   .text_dim = kTextDim,
                                                   .window_frames = 1500}},
                                                 {"tiny",  // to try the program itself
                                                  {.dim = 64,
                                                   .num_heads = 4,
                                                   .num_layers = 2,
                                                   .ffn_dim = 128,
                                                   .num_codebooks = 4,
                                                   .card = 64,
                                                   .text_dim = kTextDim,
                                                   .window_frames = 30}}};

// A clip's decoding of one window.
struct Clip {
  Clip(const LmConfig& config, uint64_t seed, const ConditionKv* condition)
      : seed(seed),
        condition(condition),
        decoder(config, SamplingSpec{},
                {config.window_frames,
                 std::vector<int64_t>(int64_t{config.num_codebooks} * config.window_frames),
                 std::vector<bool>(config.window_frames)}) {}

  StepRequest Request() {
    const DecodingStep& step = decoder.NextStep();
    const bool last = step.step + 1 == SamplingSpec{}.decoding_steps[step.stage];
    return {.codes = decoder.codes(),
            .num_frames = decoder.num_frames(),
            .stage = step.stage,
            .frames = step.frames,
            .condition = TextSpanOf(condition),
            .guided = !last,
            .negative = {},
            .draw = {{.guidance = step.guidance,
                      .temperature = step.temperature,
                      .top_p = 0.9,
                      .seed = seed},
                     {0, static_cast<uint32_t>(step.stage), static_cast<uint32_t>(step.step), 0}}};
  }

  const uint64_t seed;
  const ConditionKv* const condition;
  WindowDecoder decoder;
};

struct Times {
  double text = 0, steps = 0, codec = 0, on_end = 0;

  double clips() const { return text + steps + codec; }
};

class GpuBench {
 public:
  GpuBench(const LmConfig& config, std::unique_ptr<StepKernels> kernels, torch::Device device)
      : config_(config),
        device_(device),
        audio_queue_(device),
        text_(TextEncoderConfig{.vocab_size = 32128,
                                .d_model = kTextDim,
                                .d_kv = 64,
                                .d_ff = 4 * kTextDim,
                                .num_layers = 12,
                                .num_heads = 12}),
        transformer_(config),
        codec_(CodecConfig{.sample_rate_hz = 32000,
                           .num_filters = 64,
                           .dimension = 128,
                           .ratios = {8, 5, 4, 4},
                           .num_codebooks = config.num_codebooks,
                           .codebook_size = config.card}) {
    text_->ResetParameters();
    const bool half = kernels->element_type() == ElementType::kFloat16;
    transformer_->to(half ? torch::kHalf : torch::kFloat);
    for (torch::nn::Module* const module :
         std::initializer_list<torch::nn::Module*>{text_.get(), transformer_.get(), codec_.get()}) {
      module->eval();
      module->to(device);
    }
    packed_ = std::make_unique<PackedTransformer>(transformer_, std::move(kernels));
  }

  Times Run(int num_clips) {
    Times times;
    std::list<ConditionKv> conditions;
    times.text = Seconds([&] { Encode(num_clips, conditions); });
    const auto clips = ClipsOf(conditions);
    times.steps = Seconds([&] { Decode(clips); });
    times.codec = Seconds([&] { TakeAll(StartSound(clips)); });
    times.on_end = Seconds([&] { RunOnEnd(num_clips); }) / kBatchesOnEnd;
    return times;
  }

 private:
  using Clips = std::vector<std::unique_ptr<Clip>>;
  using Sounds = std::vector<std::unique_ptr<PendingAudio>>;

  static constexpr int kBatchesOnEnd = 4;

  void RunOnEnd(int num_clips) {
    Sounds before;
    for (int i = 0; i < kBatchesOnEnd; ++i) {
      std::list<ConditionKv> conditions;
      Encode(num_clips, conditions);
      const Clips clips = ClipsOf(conditions);
      Decode(clips);
      TakeAll(std::move(before));
      before = StartSound(clips);
    }
    TakeAll(std::move(before));
  }

  Clips ClipsOf(const std::list<ConditionKv>& conditions) const {
    Clips clips;
    uint64_t seed = 1;
    for (const ConditionKv& condition : conditions) {
      clips.push_back(std::make_unique<Clip>(config_, seed++, &condition));
    }
    return clips;
  }

  static double Seconds(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  void Encode(int num_clips, std::list<ConditionKv>& conditions) {
    torch::Tensor last;
    for (int i = 0; i < num_clips; ++i) {
      const torch::Tensor ids = torch::randint(3, 32000, {1, kTextTokens}).to(device_);
      conditions.push_back(
          transformer_->PrepareCondition(transformer_->ProjectText(text_->forward(ids)), {}));
      PackCondition(conditions.back(), {});
      last = conditions.back().packed;
    }
    last.flatten().narrow(0, 0, 1).to(torch::kCPU);  // waits for all
  }

  void Decode(const Clips& clips) {
    while (!clips.front()->decoder.done()) {
      std::vector<StepRequest> requests;
      for (const auto& clip : clips) requests.push_back(clip->Request());
      const auto tokens = packed_->Step(requests);
      for (size_t i = 0; i < clips.size(); ++i) clips[i]->decoder.FinishStep(tokens[i]);
    }
  }

  Sounds StartSound(const Clips& clips) {
    Sounds sounds;
    for (const auto& clip : clips) {
      const torch::Tensor codes =
          torch::tensor(clip->decoder.codes()).view({1, config_.num_codebooks, -1});
      sounds.push_back(audio_queue_.Run(codes, [this](const torch::Tensor& on_device) {
        return codec_->Decode(on_device).flatten();
      }));
    }
    return sounds;
  }

  static void TakeAll(Sounds sounds) {
    for (const auto& sound : sounds) {
      if (const auto taken = sound->Take(); !taken.ok()) {
        throw std::runtime_error(std::string(taken.status().message()));
      }
    }
  }

  const LmConfig config_;
  const torch::Device device_;
  AudioQueue audio_queue_;
  T5Encoder text_;
  MagnetTransformer transformer_;
  EncodecModel codec_;
  std::unique_ptr<PackedTransformer> packed_;
};

Times MedianOf(std::vector<Times> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Times& a, const Times& b) { return a.clips() < b.clips(); });
  return runs[runs.size() / 2];
}

void Print(const GpuBenchOptions& options, const std::vector<std::pair<int, Times>>& results) {
  if (!options.json) {
    std::cout << absl::StreamFormat("%s\n%6s %9s %9s %9s %9s %9s %9s\n", options.shape, "clips",
                                    "text", "steps", "codec", "together", "on end", "clips/s");
    for (const auto& [clips, t] : results) {
      std::cout << absl::StreamFormat("%6d %9.4f %9.4f %9.4f %9.4f %9.4f %9.2f\n", clips, t.text,
                                      t.steps, t.codec, t.clips(), t.on_end, clips / t.on_end);
    }
    return;
  }
  std::cout << absl::StreamFormat("{\"shape\": \"%s\", \"device\": \"%s\", \"batches\": [",
                                  options.shape, options.device);
  const char* separator = "";
  for (const auto& [clips, t] : results) {
    std::cout << absl::StreamFormat(
        "%s{\"clips\": %d, \"text_seconds\": %.6f, \"steps_seconds\": %.6f, \"codec_seconds\": "
        "%.6f, \"seconds\": %.6f, \"on_end_seconds\": %.6f}",
        separator, clips, t.text, t.steps, t.codec, t.clips(), t.on_end);
    separator = ", ";
  }
  std::cout << "]}\n";
}

absl::Status Run(const GpuBenchOptions& options) {
  const auto device = ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  std::unique_ptr<StepKernels> kernels = std::make_unique<CpuStepKernels>();
  torch::Device torch_device = torch::kCPU;
  if (device->is_cuda()) {
    auto loaded = LoadCudaStepKernels(device->index);
    if (!loaded.ok()) return loaded.status();
    kernels = *std::move(loaded);
    torch_device = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device->index));
  }
  const torch::InferenceMode inference;
  GpuBench bench(kShapes.at(options.shape), std::move(kernels), torch_device);
  std::vector<std::pair<int, Times>> results;
  for (const int clips : options.batches) {
    std::vector<Times> runs;
    bench.Run(clips);
    for (int i = 0; i < options.repeats; ++i) runs.push_back(bench.Run(clips));
    results.emplace_back(clips, MedianOf(std::move(runs)));
  }
  Print(options, results);
  return absl::OkStatus();
}

}  // namespace
}  // namespace magnet

int main(int argc, char** argv) {
  magnet::GpuBenchOptions options;
  CLI::App app("Times packed decoding steps at a released model's size, with random weights.",
               "magnet-gpu-bench");
  app.add_option("--shape", options.shape, "small-10s, medium-30s or tiny")
      ->check(CLI::IsMember({"small-10s", "medium-30s", "tiny"}))
      ->capture_default_str();
  app.add_option("--device", options.device, "cuda, cuda:N, or cpu to try the program")
      ->capture_default_str();
  app.add_option("--batches", options.batches, "Clips that share their steps, e.g. 1,4")
      ->delimiter(',');
  app.add_option("--repeats", options.repeats, "Runs, of which the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--json", options.json, "Instead of a table");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = magnet::Run(options);
  if (!status.ok()) std::cerr << "magnet-gpu-bench: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
