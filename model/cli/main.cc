// magnet-model: everything a model can do without a server.
#include <CLI/CLI.hpp>
#include <iostream>

#include "model/cli/codec_command.h"
#include "model/cli/convert_command.h"
#include "model/cli/generate_command.h"
#include "model/cli/inspect_command.h"
#include "model/cli/precisions_command.h"
#include "model/cli/tokenize_command.h"
#include "model/heap.h"

int main(int argc, char** argv) {
  magnet::KeepFreedMemory();
  CLI::App app("Converts, inspects and runs MAGNeT models, offline.", "magnet-model");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 wrong usage.\n"
      "Each command has its own --help.");
  absl::Status status;
  magnet::AddGenerateCommand(app, status);
  magnet::AddConvertCommand(app, status);
  magnet::AddInspectCommand(app, status);
  magnet::AddTokenizeCommand(app, status);
  magnet::AddEncodeCommand(app, status);
  magnet::AddDecodeCommand(app, status);
  magnet::AddPrecisionsCommand(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (status.ok()) return 0;
  std::cerr << "magnet-model: " << status.message() << "\n";
  return 1;
}
