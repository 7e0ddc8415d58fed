#include "client/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace magnet::client {
namespace {

// "--name" or "--name|-x", as a pattern of bash's case.
std::string Pattern(const Option& option) {
  std::string pattern = absl::StrCat("--", option.name);
  if (option.short_name != 0) absl::StrAppend(&pattern, "|-", std::string(1, option.short_name));
  return pattern;
}

// What follows an option that takes a value.
std::string ValueWords(const Option& option) {
  if (option.kind == ValueKind::kFile) return "COMPREPLY=($(compgen -f -- \"$cur\"))";
  return absl::StrCat("COMPREPLY=($(compgen -W \"", absl::StrJoin(option.choices, " "),
                      "\" -- \"$cur\"))");
}

std::string CommandCase(const Command& command) {
  std::vector<std::string> words;
  std::string values;
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      words.push_back("--" + option.name);
      if (option.kind == ValueKind::kFlag) continue;
      absl::StrAppend(&values, "        ", Pattern(option), ") ", ValueWords(option),
                      "; return ;;\n");
    }
  }
  words.insert(words.end(), command.operand.choices.begin(), command.operand.choices.end());
  return absl::StrCat("    ", command.name, ")\n      case \"$prev\" in\n", values,
                      "      esac\n      words=\"", absl::StrJoin(words, " "), "\" ;;\n");
}

}  // namespace

std::string BashCompletion(const Program& program) {
  std::vector<std::string> commands;
  std::string cases;
  for (const Command& command : program.commands) {
    commands.push_back(command.name);
    absl::StrAppend(&cases, CommandCase(command));
  }
  const std::string function = "_" + absl::StrReplaceAll(program.name, {{"-", "_"}});
  return absl::StrCat(
      "# bash completion for ", program.name, "\n", function, "() {\n",
      "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n",
      "  COMPREPLY=()\n", "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n",
      "    COMPREPLY=($(compgen -W \"", absl::StrJoin(commands, " "),
      " --help --version\" -- \"$cur\"))\n    return\n  fi\n", "  case \"${COMP_WORDS[1]}\" in\n",
      cases, "  esac\n", "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n",
      "complete -o filenames -o bashdefault -F ", function, " ", program.name, "\n");
}

}  // namespace magnet::client
