#include "model/cli/tokenize_command.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/t5/tokenizer.h"

namespace magnet {
namespace {

struct TokenizeOptions {
  std::string model;
  std::string text;
};

// Reads only the vocabulary: a bundle's weights are not needed for it.
absl::Status Tokenize(const TokenizeOptions& options) {
  const std::string path = options.model + "/spiece.model";
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto tokenizer = T5Tokenizer::FromSerialized(bytes);
  if (!tokenizer.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", tokenizer.status().message()));
  }
  const auto ids = tokenizer->Encode(options.text);
  if (!ids.ok()) return ids.status();
  const std::vector<std::string> pieces = tokenizer->Pieces(*ids);
  for (size_t i = 0; i < ids->size(); ++i) std::cout << (*ids)[i] << "\t" << pieces[i] << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddTokenizeCommand(CLI::App& app, absl::Status& status) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Show a text as the model reads it");
  command->add_option("-m,--model", options->model, "Bundle folder, or a T5 folder")->required();
  command->add_option("text", options->text, "The text")->required();
  command->callback([options, &status] { status = Tokenize(*options); });
}

}  // namespace magnet
