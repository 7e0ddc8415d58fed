#include "model/cli/convert_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "model/bundle.h"
#include "model/checkpoint/bundle_import.h"
#include "model/torch.h"
#include "model/torch_errors.h"

namespace magnet {
namespace {

const std::map<std::string, torch::Dtype> kDtypes = {
    {"float32", torch::kFloat}, {"float16", torch::kHalf}, {"bfloat16", torch::kBFloat16}};

const std::map<std::string, SubcodesAttention> kSubcodesAttentions = {
    {"window", SubcodesAttention::kWindow}, {"causal", SubcodesAttention::kCausal}};

struct ConvertOptions {
  ImportRequest request;
  std::string output;
  std::string dtype = "float16";
};

// The last part of a path: the name a model gets where none is typed.
std::string FolderName(std::filesystem::path path) {
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

absl::Status Convert(ConvertOptions options) {
  if (options.request.name.empty()) options.request.name = FolderName(options.output);
  const auto bundle = ImportBundle(options.request);
  if (!bundle.ok()) return bundle.status();
  const absl::Status written = WriteBundle(*bundle, kDtypes.at(options.dtype), options.output);
  if (!written.ok()) return written;
  std::cout << options.output << ": model \"" << bundle->config.name << "\", licence "
            << bundle->config.license << ", weights in " << options.dtype << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddConvertCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Make a bundle from published checkpoints");
  command
      ->add_option("--lm", options->request.lm,
                   "audiocraft folder (state_dict.bin) or file of the language model")
      ->required()
      ->check(CLI::ExistingPath);
  command
      ->add_option("--codec", options->request.codec,
                   "audiocraft or Hugging Face EnCodec (default: beside the language model)")
      ->check(CLI::ExistingPath);
  command->add_option("--t5", options->request.t5, "Hugging Face T5 folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--out", options->output, "Bundle folder to write")->required();
  command
      ->add_option("--license", options->request.license,
                   "Licence of the weights, recorded in the bundle; Meta's are CC-BY-NC-4.0")
      ->required();
  command->add_option("--name", options->request.name, "Model name (default: the folder's)");
  command->add_option("--model-version", options->request.version, "Version, free text");
  command->add_option("--description", options->request.description, "One sentence for people");
  command->add_option("--codebooks", options->request.num_codebooks,
                      "Codebooks of the codec to keep (default: as many as the LM has)");
  command
      ->add_option("--subcodes-attention", options->request.subcodes_attention,
                   "What frames see after the first stage (default: as the checkpoint's "
                   "attention back end: window with xformers, causal with torch)")
      ->transform(CLI::CheckedTransformer(kSubcodesAttentions, CLI::ignore_case));
  command->add_option("--dtype", options->dtype, "Type of the stored weights")
      ->check(CLI::IsMember(kDtypes))
      ->capture_default_str();
  command->callback([options, &status] {
    status = CatchTorchErrors("convert", [&] { return Convert(*options); });
  });
}

}  // namespace magnet
