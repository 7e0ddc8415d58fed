// The command line as data: one table of commands and options from which the
// parser, --help and the shell completion are all made.
#ifndef MAGNET_CLIENT_OPTION_TABLE_H_
#define MAGNET_CLIENT_OPTION_TABLE_H_

#include <string>
#include <vector>

namespace magnet::client {

// What a value may look like; checked while parsing, so that reading a parsed
// value cannot fail.
enum class ValueKind {
  kFlag,      // no value
  kText,      // anything
  kFile,      // anything; completes file names
  kNumber,    // finite decimal number within [min, max]
  kInteger,   // integer within [min, max]
  kUnsigned,  // 0 .. 2^64-1
  kChoice,    // one of choices
};

// One option. Typed as --name VALUE, --name=VALUE, and if it has a short name
// as -x VALUE or -xVALUE.
struct Option {
  std::string name = {};
  char short_name = 0;  // 0: none
  ValueKind kind = ValueKind::kFlag;
  std::string value_name = {};  // as --help shows it; empty for flags and choices
  std::string help = {};        // one or two sentences; names the default
  double min = 0;               // inclusive; numbers and integers
  double max = 0;               // inclusive
  bool min_is_open = false;     // the value must be greater than min
  std::vector<std::string> choices = {};
  bool repeated = false;  // may be given more than once
};

// Options under one heading of --help.
struct OptionGroup {
  std::string title;
  std::vector<Option> options;
};

// What a command takes beside options.
struct Operand {
  std::string name = {};  // as usage shows it, e.g. "PROMPT"; empty: none
  bool required = false;
  std::vector<std::string> choices = {};  // empty: anything
};

// One command of the program.
struct Command {
  std::string name = {};
  std::string summary;      // one line, for the list of commands
  std::string description;  // paragraphs, for its own --help
  Operand operand;
  std::vector<OptionGroup> groups;
  std::vector<std::string> examples;  // shell lines
};

// The program: its name, its commands and what --help says at its end.
struct Program {
  std::string name = {};
  std::string summary;
  std::vector<Command> commands;
  std::string epilogue;  // exit codes and environment variables
};

// The command called `name`, or nullptr.
const Command* FindCommand(const Program& program, const std::string& name);

// The option called `name`, or nullptr.
const Option* FindOption(const Command& command, const std::string& name);

// The option with the short name, or nullptr.
const Option* FindShortOption(const Command& command, char short_name);

// Which of `names` was probably meant by `typed`: at most 2 edits away; empty
// when there is none.
std::string ClosestName(const std::string& typed, const std::vector<std::string>& names);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_OPTION_TABLE_H_
