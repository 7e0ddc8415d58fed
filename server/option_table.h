// Options of a struct, declared once: their flags, their YAML keys and their help.
#ifndef MAGNET_SERVER_OPTION_TABLE_H_
#define MAGNET_SERVER_OPTION_TABLE_H_

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace magnet {

// One option of `Config`.
template <typename Config>
struct Option {
  using Field = std::variant<bool Config::*, int Config::*, int64_t Config::*, double Config::*,
                             std::string Config::*, std::vector<std::string> Config::*>;

  const char* name;        // of the flag, without dashes; YAML has '_' for '-'
  const char* value_name;  // as the help shows it; nullptr for yes-or-no
  Field field;
  const char* help;
  double min = 0;  // of numbers
  double max = std::numeric_limits<double>::infinity();
  const char* choices = nullptr;  // of texts, with commas between; nullptr: any

  bool is_switch() const { return std::holds_alternative<bool Config::*>(field); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string> Config::*>(field); }
  std::string yaml_key() const { return absl::StrReplaceAll(name, {{"-", "_"}}); }
};

// A heading and the options under it.
template <typename Config>
struct OptionGroup {
  const char* heading;
  std::vector<Option<Config>> options;
};

inline bool ParseNumber(const std::string& text, int& value) {
  return absl::SimpleAtoi(text, &value);
}
inline bool ParseNumber(const std::string& text, int64_t& value) {
  return absl::SimpleAtoi(text, &value);
}
inline bool ParseNumber(const std::string& text, double& value) {
  return absl::SimpleAtod(text, &value);
}

// Sets an option from its text; a list gains an entry. The error says what was
// expected and what was found.
template <typename Config>
absl::Status SetOption(const Option<Config>& option, const std::string& text, Config& config) {
  const auto expected = [&text](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat("expected ", what..., ", found \"", text, "\""));
  };
  return std::visit(
      [&](auto member) -> absl::Status {
        auto& value = config.*member;
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          if (!absl::SimpleAtob(text, &value)) return expected("true or false");
        } else if constexpr (std::is_same_v<Value, std::string>) {
          bool known = option.choices == nullptr;
          if (!known) {
            for (absl::string_view choice : absl::StrSplit(option.choices, ", "))
              known |= choice == text;
          }
          if (!known) return expected("one of ", option.choices);
          value = text;
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          value.push_back(text);
        } else {
          Value number;
          const char* kind = std::is_same_v<Value, double> ? "a number" : "a whole number";
          if (!ParseNumber(text, number)) return expected(kind);
          if (!(static_cast<double>(number) >= option.min))
            return expected(kind, ", at least ", option.min);
          if (static_cast<double>(number) > option.max)
            return expected(kind, ", at most ", option.max);
          value = number;
        }
        return absl::OkStatus();
      },
      option.field);
}

// The value as the help shows it.
template <typename Config>
std::string OptionText(const Option<Config>& option, const Config& config) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = config.*member;
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return value ? "yes" : "no";
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          return absl::StrJoin(value, ", ");
        } else {
          return absl::StrCat(value);
        }
      },
      option.field);
}

// All groups as lines of at most 80 columns, with the defaults of `Config{}`.
template <typename Config>
std::string OptionHelp(const std::vector<OptionGroup<Config>>& groups) {
  std::string help;
  const Config defaults;
  for (const OptionGroup<Config>& group : groups) {
    absl::StrAppend(&help, "\n", group.heading, ":\n");
    for (const Option<Config>& option : group.options) {
      absl::StrAppend(&help, "  --", option.name, option.value_name == nullptr ? "" : " ",
                      option.value_name == nullptr ? "" : option.value_name, "\n");
      std::string text = option.help;
      if (option.choices != nullptr) absl::StrAppend(&text, " One of ", option.choices, ".");
      const std::string value = OptionText(option, defaults);
      if (!value.empty()) absl::StrAppend(&text, " [", value, "]");
      std::string line = "     ";
      for (absl::string_view word : absl::StrSplit(text, ' ')) {
        if (line.size() + 1 + word.size() > 80) {
          absl::StrAppend(&help, line, "\n");
          line = "     ";
        }
        absl::StrAppend(&line, " ", word);
      }
      absl::StrAppend(&help, line, "\n");
    }
  }
  return help;
}

}  // namespace magnet

#endif  // MAGNET_SERVER_OPTION_TABLE_H_
