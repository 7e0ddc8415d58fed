#include "client/help_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace magnet::client {
namespace {

constexpr int kMinWidth = 40;
constexpr int kMaxWidth = 100;
constexpr int kHelpColumn = 30;

// Words of `text` in lines of at most `width` columns; "\n" stays a line break.
std::vector<std::string> Wrap(const std::string& text, int width) {
  std::vector<std::string> lines;
  for (const auto paragraph : absl::StrSplit(text, '\n')) {
    std::string line;
    for (const auto word : absl::StrSplit(paragraph, ' ', absl::SkipEmpty())) {
      if (!line.empty() && static_cast<int>(line.size() + 1 + word.size()) > width) {
        lines.push_back(line);
        line.clear();
      }
      absl::StrAppend(&line, line.empty() ? "" : " ", word);
    }
    lines.push_back(line);
  }
  return lines;
}

// `left` in the first column and `right` wrapped in the second.
void AppendRow(const std::string& left, const std::string& right, int column, int width,
               std::string* out) {
  const std::vector<std::string> lines = Wrap(right, std::max(width - column, 20));
  size_t first = 0;
  if (static_cast<int>(left.size()) + 1 < column) {
    absl::StrAppend(out, absl::StrFormat("%-*s", column, left), lines[0], "\n");
    first = 1;
  } else {
    absl::StrAppend(out, left, "\n");
  }
  for (size_t i = first; i < lines.size(); ++i) {
    absl::StrAppend(out, std::string(column, ' '), lines[i], "\n");
  }
}

std::string OptionLabel(const Option& option) {
  std::string label =
      option.short_name == 0 ? "      " : absl::StrFormat("  -%c, ", option.short_name);
  absl::StrAppend(&label, "--", option.name);
  if (option.kind == ValueKind::kFlag) return label;
  const std::string value =
      option.value_name.empty() ? absl::StrJoin(option.choices, "|") : option.value_name;
  return absl::StrCat(label, " ", value);
}

std::string Usage(const Program& program, const Command& command) {
  std::string usage = absl::StrCat(program.name, " ", command.name);
  if (!command.groups.empty()) absl::StrAppend(&usage, " [OPTION]...");
  const Operand& operand = command.operand;
  if (operand.name.empty()) return usage;
  return absl::StrCat(usage, operand.required ? " " : " [", operand.name,
                      operand.required ? "" : "]");
}

int Clamp(int width) { return std::clamp(width, kMinWidth, kMaxWidth); }

}  // namespace

std::string ProgramHelp(const Program& program, int width) {
  width = Clamp(width);
  std::string out = absl::StrCat(program.summary, "\n\nUsage: ", program.name,
                                 " COMMAND [OPTION]... [ARGUMENT]\n\nCommands:\n");
  for (const Command& command : program.commands) {
    AppendRow("  " + command.name, command.summary, /*column=*/14, width, &out);
  }
  absl::StrAppend(&out, "\n\"", program.name, " COMMAND --help\" describes a command.\n\n",
                  program.epilogue);
  return out;
}

std::string CommandHelp(const Program& program, const Command& command, int width) {
  width = Clamp(width);
  std::string out = absl::StrCat("Usage: ", Usage(program, command), "\n\n");
  for (const std::string& line : Wrap(command.description, width)) {
    absl::StrAppend(&out, line, "\n");
  }
  for (const OptionGroup& group : command.groups) {
    absl::StrAppend(&out, "\n", group.title, ":\n");
    for (const Option& option : group.options) {
      AppendRow(OptionLabel(option), option.help, kHelpColumn, width, &out);
    }
  }
  if (!command.examples.empty()) absl::StrAppend(&out, "\nExamples:\n");
  for (const std::string& example : command.examples) absl::StrAppend(&out, "  ", example, "\n");
  return absl::StrCat(out, "\n", program.epilogue);
}

}  // namespace magnet::client
