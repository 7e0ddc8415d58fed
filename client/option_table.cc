#include "client/option_table.h"

#include <algorithm>
#include <numeric>

namespace magnet::client {
namespace {

// Levenshtein's distance.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

template <typename Matches>
const Option* FindIf(const Command& command, Matches matches) {
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      if (matches(option)) return &option;
    }
  }
  return nullptr;
}

}  // namespace

const Command* FindCommand(const Program& program, const std::string& name) {
  for (const Command& command : program.commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const Option* FindOption(const Command& command, const std::string& name) {
  return FindIf(command, [&](const Option& option) { return option.name == name; });
}

const Option* FindShortOption(const Command& command, char short_name) {
  return FindIf(command, [&](const Option& option) {
    return short_name != 0 && option.short_name == short_name;
  });
}

std::string ClosestName(const std::string& typed, const std::vector<std::string>& names) {
  std::string closest;
  size_t fewest = 3;
  for (const std::string& name : names) {
    const size_t edits = EditDistance(typed, name);
    if (edits < fewest && edits < name.size()) {
      fewest = edits;
      closest = name;
    }
  }
  return closest;
}

}  // namespace magnet::client
