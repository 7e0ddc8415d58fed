// Options of a command.
#ifndef MAGNET_TRAIN_CLI_FLAG_SET_H_
#define MAGNET_TRAIN_CLI_FLAG_SET_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace magnet {

// The options of one command. Each is bound to a variable, whose value
// before Parse is its default: "--hours 20" or "--hours=20"; "--quiet" for a bool.
class FlagSet {
 public:
  using Target = std::variant<std::string*, int64_t*, double*, bool*>;

  // `summary`: what the command does, in one line.
  FlagSet(absl::string_view command, absl::string_view summary);

  void Add(absl::string_view name, Target target, absl::string_view help);
  // As Add, for an option that must be given.
  void Require(absl::string_view name, Target target, absl::string_view help);

  // INVALID_ARGUMENT names the option, what was expected and what was found.
  // After --help nothing else is checked and help_requested() is true.
  absl::Status Parse(const std::vector<std::string>& arguments);
  bool help_requested() const { return help_requested_; }

  // The text of --help.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    Target target;
    std::string help;
    std::string default_value;
    bool required = false;
    bool given = false;
  };

  Flag* Find(absl::string_view name);

  std::string command_, summary_;
  std::vector<Flag> flags_;
  bool help_requested_ = false;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_CLI_FLAG_SET_H_
