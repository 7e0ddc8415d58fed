#include "model/cli/inspect_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "model/bundle.h"

namespace magnet {
namespace {

struct Part {
  int64_t parameters = 0;
  int64_t bytes = 0;
};

Part Measure(const TensorMap& tensors) {
  Part part;
  for (const auto& [name, tensor] : tensors) {
    part.parameters += tensor.numel();
    part.bytes += tensor.nbytes();
  }
  return part;
}

void PrintPart(const char* name, const Part& part) {
  std::cout << absl::StreamFormat("%-14s %8.2f M parameters %9.1f MB on disk\n", name,
                                  part.parameters / 1e6, part.bytes / 1e6);
}

std::string SeenByLaterStages(const LmConfig& lm) {
  if (lm.subcodes_attention == SubcodesAttention::kCausal) return "the past only";
  if (lm.subcodes_context < 0) return "all frames";
  return absl::StrFormat("+-%d frames", lm.subcodes_context);
}

void PrintSizes(const ModelConfig& config) {
  const LmConfig& lm = config.lm;
  std::cout << absl::StreamFormat(
      "transformer    %d layers, width %d, %d heads; %d codebooks of %d; spans of %d; later "
      "stages see %s\n",
      lm.num_layers, lm.dim, lm.num_heads, lm.num_codebooks, lm.card, lm.span_len,
      SeenByLaterStages(lm));
  std::cout << absl::StreamFormat(
      "audio          %d Hz, %g frames/s, %s codec; window %.2f s (%d frames)\n",
      config.codec.sample_rate_hz, config.codec.frame_rate_hz(),
      config.codec.causal ? "causal" : "non-causal", config.window_seconds(), lm.window_frames);
  if (lm.beats.has_value()) {
    const TempoRange tempos = TemposOf(config);
    std::cout << absl::StreamFormat("beats          %.0f to %.0f bpm, bars of 1 to %d\n",
                                    tempos.min_bpm, tempos.max_bpm, lm.beats->max_beats_per_bar);
  }
  std::cout << absl::StreamFormat("text           %d layers, width %d, vocabulary %d, %s\n",
                                  config.text_encoder.num_layers, config.text_encoder.d_model,
                                  config.text_encoder.vocab_size,
                                  config.text_encoder.gated_gelu ? "gated GELU" : "ReLU");
  const SamplingDefaults& sampling = config.sampling;
  const std::string later =
      sampling.later_guidance == 1
          ? ""
          : absl::StrFormat(" (%g of it after the first codebook)", sampling.later_guidance);
  const std::string later_temperature =
      sampling.later_temperature == 1
          ? ""
          : absl::StrFormat(" (times %g after the first codebook)", sampling.later_temperature);
  const std::string order =
      sampling.span_score == SpanScore::kRandom ? ", spans in random order" : "";
  const std::string neighbours =
      sampling.neighbour_weight == 0
          ? ""
          : absl::StrFormat(", neighbours %g", sampling.neighbour_weight);
  std::cout << absl::StreamFormat(
      "sampling       steps %s, guidance %g to %g%s, temperature %g%s, top-p %g, top-k %d%s%s\n",
      absl::StrJoin(sampling.decoding_steps, ","), sampling.guidance_max, sampling.guidance_min,
      later, sampling.temperature, later_temperature, sampling.top_p, sampling.top_k, order,
      neighbours);
}

// Weights in the arithmetic's type, and the widest activations of a guided
// window: the feed-forward's and the attention scores of one layer.
double MemoryMegabytes(const ModelConfig& config, const Bundle& bundle, int bytes_per_weight) {
  const LmConfig& lm = config.lm;
  const double rows = 2.0 * lm.window_frames;
  const double activations = rows * (2.0 * lm.ffn_dim + 6.0 * lm.dim) * bytes_per_weight +
                             rows * lm.num_heads * lm.window_frames * 4.0;
  const double others = Measure(bundle.codec).parameters + Measure(bundle.text_encoder).parameters;
  return (Measure(bundle.lm).parameters * double(bytes_per_weight) + others * 4 + activations) /
         1e6;
}

absl::Status Inspect(const std::string& folder) {
  const auto bundle = OpenBundle(folder);
  if (!bundle.ok()) return bundle.status();
  const ModelConfig& config = bundle->config;
  std::cout << absl::StreamFormat("%s %s: %s\nlicence        %s\n", config.name, config.version,
                                  config.description, config.license);
  PrintSizes(config);
  PrintPart("lm", Measure(bundle->lm));
  PrintPart("codec", Measure(bundle->codec));
  PrintPart("text encoder", Measure(bundle->text_encoder));
  std::cout << absl::StreamFormat("memory needed  about %.0f MB in float32, %.0f MB in 16 bits\n",
                                  MemoryMegabytes(config, *bundle, 4),
                                  MemoryMegabytes(config, *bundle, 2));
  return absl::OkStatus();
}

}  // namespace

void AddInspectCommand(CLI::App& app, absl::Status& status) {
  const auto folder = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("inspect", "Show sizes, parameters, licence and memory of a model");
  command->add_option("model", *folder, "Bundle folder")->required();
  command->callback([folder, &status] { status = Inspect(*folder); });
}

}  // namespace magnet
