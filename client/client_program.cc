#include "client/client_program.h"

#include "absl/strings/str_cat.h"
#include "client/completion.h"
#include "client/exit_code.h"
#include "client/generate_command.h"
#include "client/help_text.h"
#include "client/load_command.h"
#include "client/message.h"
#include "client/server_commands.h"

namespace magnet::client {
namespace {

#ifndef MAGNET_VERSION
#define MAGNET_VERSION "unknown"
#endif

constexpr char kEnvironmentHelp[] =
    "Environment:\n"
    "  MAGNET_SERVER    where --server is not given\n"
    "  MAGNET_API_KEY   where --api-key-file is not given\n"
    "  NO_COLOR         no colour when set\n";

Command CompletionCommand() {
  Command command;
  command.name = "completion";
  command.summary = "Print a script that completes command lines.";
  command.description = "Prints a script for SHELL to source.";
  command.operand = {.name = "SHELL", .required = true, .choices = {"bash"}};
  command.groups = {HelpOptionGroup()};
  command.examples = {"source <(magnet-client completion bash)"};
  return command;
}

int RunCommand(const Program& program, const Command& command, const ParsedOptions& options,
               const Environment& environment) {
  if (options.Has("help")) {
    *environment.out << CommandHelp(program, command, environment.help_width) << std::flush;
    return kExitOk;
  }
  if (command.name == "generate") return RunGenerate(options, environment);
  if (command.name == "models") return RunModels(options, environment);
  if (command.name == "health") return RunHealth(options, environment);
  if (command.name == "load") return RunLoad(options, environment);
  *environment.out << BashCompletion(program) << std::flush;
  return kExitOk;
}

int FailUnknown(const Program& program, const std::string& typed, const Environment& environment) {
  std::vector<std::string> names;
  for (const Command& command : program.commands) names.push_back(command.name);
  const std::string closest = ClosestName(typed, names);
  return FailToStart(environment, "",
                     absl::InvalidArgumentError(absl::StrCat(
                         "unknown command \"", typed, "\"",
                         closest.empty() ? "" : absl::StrCat("; did you mean ", closest, "?"))));
}

}  // namespace

Program ClientProgram() {
  Program program;
  program.name = "magnet-client";
  program.summary = "Makes music from text with a magnet-server.";
  program.commands = {GenerateCommand(), ModelsCommand(), HealthCommand(), LoadCommand(),
                      CompletionCommand()};
  program.epilogue = absl::StrCat(ExitCodeHelp(), "\n", kEnvironmentHelp);
  return program;
}

int RunClient(const std::vector<std::string>& arguments, const Environment& environment) {
  const Program program = ClientProgram();
  if (arguments.empty()) {
    *environment.err << ProgramHelp(program, environment.help_width) << std::flush;
    return kExitUsage;
  }
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    *environment.out << ProgramHelp(program, environment.help_width) << std::flush;
    return kExitOk;
  }
  if (name == "--version") {
    *environment.out << program.name << " " << MAGNET_VERSION << std::endl;
    return kExitOk;
  }
  const Command* command = FindCommand(program, name);
  if (command == nullptr) return FailUnknown(program, name, environment);
  const auto options = ParseOptions(*command, {arguments.begin() + 1, arguments.end()});
  if (!options.ok()) return FailToStart(environment, name, options.status());
  return RunCommand(program, *command, *options, environment);
}

}  // namespace magnet::client
