#include "client/environment.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace magnet::client {
namespace {

constexpr int kDefaultWidth = 80;

int WidthOf(int file_descriptor) {
  winsize size = {};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return size.ws_col;
}

bool LocaleIsUtf8(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = absl::AsciiStrToLower(environment.Variable(name));
    if (!value.empty())
      return absl::StrContains(value, "utf-8") || absl::StrContains(value, "utf8");
  }
  return false;
}

}  // namespace

std::string Environment::Variable(const char* name) const {
  const char* value = getenv ? getenv(name) : nullptr;
  return value == nullptr ? "" : value;
}

Environment ProcessEnvironment(Clock* clock, Interrupt* interrupt) {
  Environment environment;
  environment.in = &std::cin;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.clock = clock;
  environment.interrupt = interrupt;
  environment.getenv = [](const char* name) -> const char* { return std::getenv(name); };
  environment.help_width = WidthOf(STDOUT_FILENO);
  environment.out_is_terminal = isatty(STDOUT_FILENO);
  const bool dumb = environment.Variable("TERM") == "dumb";
  Terminal& terminal = environment.terminal;
  terminal.is_terminal = isatty(STDERR_FILENO) && !dumb;
  terminal.color = terminal.is_terminal && environment.Variable("NO_COLOR").empty();
  terminal.unicode = LocaleIsUtf8(environment);
  terminal.width = [] { return WidthOf(STDERR_FILENO); };
  return environment;
}

}  // namespace magnet::client
