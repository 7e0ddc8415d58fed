#include "train/cli/flag_set.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace magnet {
namespace {

template <typename... Handlers>
struct Overload : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overload(Handlers...) -> Overload<Handlers...>;

std::string ValueText(const FlagSet::Target& target) {
  return std::visit(Overload{[](const std::string* value) { return *value; },
                             [](const int64_t* value) { return absl::StrCat(*value); },
                             [](const double* value) { return absl::StrCat(*value); },
                             [](const bool*) { return std::string(); }},
                    target);
}

const char* Expected(const FlagSet::Target& target) {
  constexpr const char* kNames[] = {"text", "a whole number", "a number", "no value"};
  return kNames[target.index()];
}

bool Assign(const FlagSet::Target& target, const std::string& text) {
  return std::visit(Overload{[&](std::string* value) { return (*value = text, true); },
                             [&](int64_t* value) { return absl::SimpleAtoi(text, value); },
                             [&](double* value) { return absl::SimpleAtod(text, value); },
                             [&](bool*) { return false; }},
                    target);
}

}  // namespace

FlagSet::FlagSet(absl::string_view command, absl::string_view summary)
    : command_(command), summary_(summary) {}

void FlagSet::Add(absl::string_view name, Target target, absl::string_view help) {
  flags_.push_back({std::string(name), target, std::string(help), ValueText(target)});
}

void FlagSet::Require(absl::string_view name, Target target, absl::string_view help) {
  Add(name, target, help);
  flags_.back().required = true;
}

FlagSet::Flag* FlagSet::Find(absl::string_view name) {
  const auto flag =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& f) { return f.name == name; });
  return flag == flags_.end() ? nullptr : &*flag;
}

absl::Status FlagSet::Parse(const std::vector<std::string>& arguments) {
  const auto refuse = [&](const auto&... parts) {
    return absl::InvalidArgumentError(
        absl::StrCat(parts..., " (see magnet-train ", command_, " --help)"));
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      help_requested_ = true;
      return absl::OkStatus();
    }
    if (argument.rfind("--", 0) != 0) return refuse("unexpected argument '", argument, "'");
    const size_t equals = argument.find('=');
    Flag* flag = Find(argument.substr(2, equals == std::string::npos ? equals : equals - 2));
    if (!flag) return refuse("unknown option '", argument.substr(0, equals), "'");
    flag->given = true;
    if (bool* const* value = std::get_if<bool*>(&flag->target);
        value && equals == std::string::npos) {
      **value = true;
      continue;
    }
    if (equals == std::string::npos && i + 1 == arguments.size()) {
      return refuse("--", flag->name, ": expected ", Expected(flag->target), ", found nothing");
    }
    const std::string text =
        equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1);
    if (!Assign(flag->target, text)) {
      return refuse("--", flag->name, ": expected ", Expected(flag->target), ", found '", text,
                    "'");
    }
  }
  for (const Flag& flag : flags_) {
    if (flag.required && !flag.given) return refuse("--", flag.name, " is required: ", flag.help);
  }
  return absl::OkStatus();
}

std::string FlagSet::Help() const {
  std::string text =
      absl::StrCat("usage: magnet-train ", command_, " [options]\n", summary_, "\n\n");
  for (const Flag& flag : flags_) {
    std::string note;
    if (flag.required) {
      note = " (required)";
    } else if (!flag.default_value.empty()) {
      note = absl::StrCat(" (default ", flag.default_value, ")");
    }
    absl::StrAppend(&text, absl::StrFormat("  --%-16s %s%s\n", flag.name, flag.help, note));
  }
  return text;
}

}  // namespace magnet
