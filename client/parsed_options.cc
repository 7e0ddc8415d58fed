#include "client/parsed_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace magnet::client {
namespace {

std::string Number(double value) { return absl::StrFormat("%.15g", value); }

std::string RangeText(const Option& option) {
  const char* what = option.kind == ValueKind::kInteger ? "an integer" : "a number";
  const bool bounded = option.max < std::numeric_limits<double>::max();
  if (option.min_is_open && !bounded) return absl::StrCat(what, " over ", Number(option.min));
  if (option.min_is_open) {
    return absl::StrCat(what, " over ", Number(option.min), " and at most ", Number(option.max));
  }
  if (!bounded) return absl::StrCat(what, " of at least ", Number(option.min));
  return absl::StrCat(what, " from ", Number(option.min), " to ", Number(option.max));
}

bool InRange(const Option& option, double value) {
  return std::isfinite(value) && value <= option.max &&
         (option.min_is_open ? value > option.min : value >= option.min);
}

// What the option expects, or "" if `value` is that.
std::string Expectation(const Option& option, const std::string& value) {
  double number = 0;
  int64_t integer = 0;
  uint64_t natural = 0;
  switch (option.kind) {
    case ValueKind::kNumber:
      return absl::SimpleAtod(value, &number) && InRange(option, number) ? "" : RangeText(option);
    case ValueKind::kInteger:
      return absl::SimpleAtoi(value, &integer) && InRange(option, static_cast<double>(integer))
                 ? ""
                 : RangeText(option);
    case ValueKind::kUnsigned:
      return absl::SimpleAtoi(value, &natural) ? "" : "an integer from 0 to 2^64-1";
    case ValueKind::kChoice:
      return std::count(option.choices.begin(), option.choices.end(), value)
                 ? ""
                 : absl::StrCat("one of ", absl::StrJoin(option.choices, ", "));
    case ValueKind::kFile:
      return value.empty() ? "a file name" : "";
    default:
      return "";
  }
}

absl::Status UnknownOption(const Command& command, const std::string& typed) {
  std::vector<std::string> names;
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) names.push_back(option.name);
  }
  const std::string closest = typed.rfind("--", 0) == 0 ? ClosestName(typed.substr(2), names) : "";
  return absl::InvalidArgumentError(
      absl::StrCat("unknown option ", typed,
                   closest.empty() ? "" : absl::StrCat("; did you mean --", closest, "?")));
}

// One option as it stands on the command line.
struct Occurrence {
  const Option* option = nullptr;
  bool has_value = false;  // the value is in the same word
  std::string value;
};

absl::StatusOr<Occurrence> ReadLong(const Command& command, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  Occurrence found;
  found.option = FindOption(command, name);
  if (found.option == nullptr) return UnknownOption(command, "--" + name);
  found.has_value = equals != std::string::npos;
  if (found.has_value) found.value = word.substr(equals + 1);
  if (found.has_value && found.option->kind == ValueKind::kFlag) {
    return absl::InvalidArgumentError(absl::StrCat("--", name, " takes no value"));
  }
  return found;
}

absl::StatusOr<Occurrence> ReadShort(const Command& command, const std::string& word) {
  Occurrence found;
  found.option = FindShortOption(command, word[1]);
  if (found.option == nullptr) return UnknownOption(command, word.substr(0, 2));
  found.has_value = word.size() > 2;
  found.value = word.substr(2);
  if (found.has_value && found.option->kind == ValueKind::kFlag) {
    return UnknownOption(command, word);
  }
  return found;
}

absl::Status Check(const Option& option, const std::string& value, bool again) {
  if (again && !option.repeated && option.kind != ValueKind::kFlag) {
    return absl::InvalidArgumentError(absl::StrCat("--", option.name, " is given twice"));
  }
  const std::string expected = Expectation(option, value);
  if (expected.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", option.name, ": expected ", expected, ", got \"", value, "\""));
}

absl::Status CheckOperand(const Operand& operand, const std::string& word, bool again) {
  if (operand.name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", word, "\""));
  }
  if (again) {
    return absl::InvalidArgumentError(absl::StrCat("expected one ", operand.name, ", but \"", word,
                                                   "\" is another; put quotes ", "around a ",
                                                   operand.name, " of several words"));
  }
  const auto& choices = operand.choices;
  if (!choices.empty() && !std::count(choices.begin(), choices.end(), word)) {
    return absl::InvalidArgumentError(absl::StrCat(
        operand.name, ": expected one of ", absl::StrJoin(choices, ", "), ", got \"", word, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ParsedOptions::Text(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second.back();
}

double ParsedOptions::Number(const std::string& name, double otherwise) const {
  double value = otherwise;
  if (Has(name)) (void)absl::SimpleAtod(Text(name), &value);
  return value;
}

int64_t ParsedOptions::Integer(const std::string& name, int64_t otherwise) const {
  int64_t value = otherwise;
  if (Has(name)) (void)absl::SimpleAtoi(Text(name), &value);
  return value;
}

uint64_t ParsedOptions::Unsigned(const std::string& name, uint64_t otherwise) const {
  uint64_t value = otherwise;
  if (Has(name)) (void)absl::SimpleAtoi(Text(name), &value);
  return value;
}

std::vector<std::string> ParsedOptions::All(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<ParsedOptions> ParseOptions(const Command& command,
                                           const std::vector<std::string>& arguments) {
  ParsedOptions parsed;
  bool only_operands = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!only_operands && word == "--") {
      only_operands = true;
      continue;
    }
    if (only_operands || word.size() < 2 || word[0] != '-') {
      if (auto status = CheckOperand(command.operand, word, parsed.has_operand_); !status.ok()) {
        return status;
      }
      parsed.operand_ = word;
      parsed.has_operand_ = true;
      continue;
    }
    auto found = word[1] == '-' ? ReadLong(command, word) : ReadShort(command, word);
    if (!found.ok()) return found.status();
    const Option& option = *found->option;
    if (option.kind != ValueKind::kFlag && !found->has_value) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("--", option.name, " needs a value"));
      }
      found->value = arguments[++i];
    }
    if (auto status = Check(option, found->value, parsed.Has(option.name)); !status.ok()) {
      return status;
    }
    parsed.values_[option.name].push_back(found->value);
    if (option.name == "help") return parsed;
  }
  if (command.operand.required && !parsed.has_operand_) {
    return absl::InvalidArgumentError(absl::StrCat(command.operand.name, " is missing"));
  }
  return parsed;
}

}  // namespace magnet::client
