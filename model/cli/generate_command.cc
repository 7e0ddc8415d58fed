#include "model/cli/generate_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/audio/audio_file.h"
#include "model/cli/clip_run.h"
#include "model/cli/codes_file.h"
#include "model/cli/generation_options.h"
#include "model/cli/precision_option.h"
#include "model/generator.h"

namespace magnet {
namespace {

using Clock = std::chrono::steady_clock;

struct GenerateOptions {
  std::string model;
  std::string output;
  std::string prompts_file;
  std::string save_codes;
  GenerationOptions clip;
  GeneratorOptions engine;
  bool quiet = false;
};

// "[########............]  40 %  stage 1/4  step 12/20", redrawn in place.
class StepLine {
 public:
  explicit StepLine(bool shown) : shown_(shown) {}
  ~StepLine() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
  }

  void Draw(const GenerationProgress& p) const {
    if (!shown_) return;
    constexpr int kWidth = 30;
    const int percent = p.done() ? 100 : 100 * p.steps_done / p.steps_total;
    const int filled = kWidth * percent / 100;
    std::cerr << absl::StreamFormat("\r\033[K[%s%s] %3d %%  window %d/%d  stage %d/%d  step %d/%d",
                                    std::string(filled, '#'), std::string(kWidth - filled, '.'),
                                    percent, p.window + 1, p.num_windows, p.stage + 1, p.num_stages,
                                    p.step + 1, p.num_steps)
              << std::flush;
  }

 private:
  const bool shown_;
};

absl::Status GenerateClip(Generator& generator, const GenerateOptions& options,
                          const GenerationSpec& spec, const std::string& output) {
  const Clock::time_point begin = Clock::now();
  const auto generation = generator.Begin(spec);
  if (!generation.ok()) return generation.status();
  const auto samples = [&] {
    const StepLine line(!options.quiet && isatty(STDERR_FILENO));
    return RunToTheEnd(generator, **generation,
                       [&line](const GenerationProgress& progress) { line.Draw(progress); });
  }();
  if (!samples.ok()) return samples.status();
  const int rate = generator.config().codec.sample_rate_hz;
  if (absl::Status status = WriteAudioFile(output, *samples, rate); !status.ok()) return status;
  if (!options.save_codes.empty()) {
    GivenCodes codes{(*generation)->progress().num_frames, (*generation)->codes(), {}};
    const absl::Status status =
        WriteCodesFile(codes, generator.config().lm.num_codebooks, options.save_codes);
    if (!status.ok()) return status;
  }
  if (options.quiet) return absl::OkStatus();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const double audio_seconds = static_cast<double>(samples->size()) / rate;
  std::cout << absl::StreamFormat(
      "%s: %.2f s of audio in %.2f s (real-time factor %.2f), %d passes, seed %d\n", output,
      audio_seconds, seconds, seconds / audio_seconds, (*generation)->progress().passes, spec.seed);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadPromptLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (!lines.empty()) return lines;
  return absl::InvalidArgumentError(absl::StrCat(path, ": expected one prompt a line, found none"));
}

// One clip a line, OUT/001.wav and so on, with seeds that count up.
absl::Status GenerateMany(Generator& generator, GenerateOptions options) {
  const auto prompts = ReadPromptLines(options.prompts_file);
  if (!prompts.ok()) return prompts.status();
  std::error_code error;
  std::filesystem::create_directories(options.output, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(options.output, ": ", error.message()));
  for (size_t i = 0; i < prompts->size(); ++i) {
    options.clip.prompts = {(*prompts)[i]};
    auto spec = MakeSpec(options.clip, generator.config());
    if (!spec.ok()) return spec.status();
    if (options.clip.seed) spec->seed += i;
    const std::string output = absl::StrFormat("%s/%03d.wav", options.output, i + 1);
    if (!options.save_codes.empty()) {
      options.save_codes = absl::StrFormat("%s/%03d.safetensors", options.output, i + 1);
    }
    if (auto status = GenerateClip(generator, options, *spec, output); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Generate(const GenerateOptions& options) {
  if (options.prompts_file.empty()) {
    // A bad name is told before minutes of work, not after them.
    const auto encoding = EncodingOfPath(options.output);
    if (!encoding.ok()) return encoding.status();
  }
  const auto generator = OpenGenerator(options.model, options.engine);
  if (!generator.ok()) return generator.status();
  if (!options.prompts_file.empty()) return GenerateMany(**generator, options);
  const auto spec = MakeSpec(options.clip, (*generator)->config());
  if (!spec.ok()) return spec.status();
  return GenerateClip(**generator, options, *spec, options.output);
}

}  // namespace

void AddGenerateCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Make music from a prompt");
  command->add_option("-m,--model", options->model, "Bundle folder")->required();
  AddGenerationOptions(*command, options->clip);
  command
      ->add_option("-o,--output", options->output,
                   "File (.wav, .flac, .ogg), or a folder with --prompts")
      ->required();
  command->add_option("--prompts", options->prompts_file, "Make one clip for each line of a file")
      ->check(CLI::ExistingFile)
      ->excludes("--prompt");
  command->add_option("--save-codes", options->save_codes,
                      "Also save the codes, as safetensors `codes` [K, T]");
  command
      ->add_option("--max-seconds", options->engine.limits.max_duration_seconds,
                   "Longest clip that --seconds may ask for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  options->engine.device = "auto";
  command
      ->add_option("--device", options->engine.device,
                   "auto, cpu, cuda or cuda:N; auto: a GPU where there is one")
      ->capture_default_str();
  AddPrecisionOption(
      *command, options->engine.precision,
      "Of the model's arithmetic; auto: float16 on a GPU, on a CPU bfloat16 where it "
      "has AMX, else int8 where it has AVX2, else float32");
  command->add_option("--threads", options->engine.num_threads, "0: one per core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("-q,--quiet", options->quiet, "Print errors only");
  command->callback([options, &status] { status = Generate(*options); });
}

}  // namespace magnet
