#include "model/cli/codec_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"
#include "model/bundle.h"
#include "model/cli/codes_file.h"
#include "model/cli/precision_option.h"
#include "model/encodec/streaming_decoder.h"
#include "model/given_codes.h"
#include "model/layers/uninitialized_weights.h"
#include "model/torch.h"
#include "model/torch_errors.h"
#include "model/torch_type.h"

namespace magnet {
namespace {

struct CodecOptions {
  std::string model;
  std::string input;
  std::string output;
  Precision precision = Precision::kAuto;  // of decoding
};

absl::StatusOr<EncodecModel> OpenCodec(const std::string& folder) {
  const auto bundle = OpenBundle(folder);
  if (!bundle.ok()) return bundle.status();
  const UninitializedWeights unset;
  EncodecModel codec(bundle->config.codec);
  codec->eval();
  const absl::Status loaded = LoadModule(bundle->codec, folder + "/codec.safetensors", *codec);
  if (!loaded.ok()) return loaded;
  return codec;
}

absl::Status Encode(const CodecOptions& options) {
  auto codec = OpenCodec(options.model);
  if (!codec.ok()) return codec.status();
  auto audio = ReadAudioFile(options.input);
  if (!audio.ok()) return audio.status();
  const torch::InferenceMode inference;
  const auto codes =
      EncodeAllFrames({std::move(audio->samples), audio->sample_rate_hz, {}}, *codec);
  if (!codes.ok()) return codes.status();
  const int num_codebooks = (*codec)->config().num_codebooks;
  std::cout << options.output << ": " << num_codebooks << " codebooks, " << codes->num_frames
            << " frames\n";
  return WriteCodesFile(*codes, num_codebooks, options.output);
}

absl::Status CheckCodeRange(const GivenCodes& codes, int codebook_size, const std::string& path) {
  for (const int64_t code : codes.codes) {
    if (code >= 0 && code < codebook_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected codes in [0, ", codebook_size, "), found ", code));
  }
  return absl::OkStatus();
}

absl::Status Decode(const CodecOptions& options) {
  auto codec = OpenCodec(options.model);
  if (!codec.ok()) return codec.status();
  const CodecConfig& config = (*codec)->config();
  const auto codes = ReadCodesFile(options.input, config.num_codebooks);
  if (!codes.ok()) return codes.status();
  if (auto s = CheckCodeRange(*codes, config.codebook_size, options.input); !s.ok()) return s;
  const auto precision = PrecisionOnCpu(options.precision);
  if (!precision.ok()) return precision.status();
  (*codec)->DecodeIn(TorchType(precision->codec_decoder));
  constexpr int kChunkFrames = 50;
  const torch::InferenceMode inference;
  const torch::Tensor all = torch::tensor(codes->codes).view({-1, codes->num_frames});
  StreamingDecoder decoder(*codec);
  std::vector<float> samples;
  for (int t = 0; t < codes->num_frames; t += kChunkFrames) {
    const int count = std::min(kChunkFrames, codes->num_frames - t);
    const torch::Tensor wave =
        decoder.Push(all.narrow(1, t, count), t + count == codes->num_frames).contiguous();
    samples.insert(samples.end(), wave.data_ptr<float>(), wave.data_ptr<float>() + wave.numel());
  }
  return WriteAudioFile(options.output, samples, config.sample_rate_hz);
}

}  // namespace

void AddEncodeCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<CodecOptions>();
  CLI::App* command = app.add_subcommand("encode", "Turn audio into codes");
  command->add_option("-m,--model", options->model, "Bundle folder")->required();
  command->add_option("input", options->input, "Audio file")->required()->check(CLI::ExistingFile);
  command->add_option("--save-codes", options->output, "safetensors file to write")->required();
  command->callback([options, &status] {
    status = CatchTorchErrors("encode", [&] { return Encode(*options); });
  });
}

void AddDecodeCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<CodecOptions>();
  CLI::App* command = app.add_subcommand("decode", "Turn codes into audio");
  command->add_option("-m,--model", options->model, "Bundle folder")->required();
  command->add_option("codes", options->input, "safetensors file with `codes` [K, T]")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("-o,--output", options->output, "Audio file to write")->required();
  AddPrecisionOption(*command, options->precision,
                     "As of `generate`, on a CPU; decodes in bfloat16 or float32, as that does");
  command->callback([options, &status] {
    status = CatchTorchErrors("decode", [&] { return Decode(*options); });
  });
}

}  // namespace magnet
