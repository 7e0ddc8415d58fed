// A command line after parsing.
#ifndef MAGNET_CLIENT_PARSED_OPTIONS_H_
#define MAGNET_CLIENT_PARSED_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/option_table.h"

namespace magnet::client {

// The values of one command line, all of them checked against the table.
// Getters of an option that was not given return `otherwise`.
class ParsedOptions {
 public:
  bool Has(const std::string& name) const { return values_.count(name) > 0; }
  std::string Text(const std::string& name, const std::string& otherwise = "") const;
  double Number(const std::string& name, double otherwise = 0) const;
  int64_t Integer(const std::string& name, int64_t otherwise = 0) const;
  uint64_t Unsigned(const std::string& name, uint64_t otherwise = 0) const;
  // All values of a repeated option, in the order given.
  std::vector<std::string> All(const std::string& name) const;

  // "" when none was given.
  const std::string& operand() const { return operand_; }
  bool has_operand() const { return has_operand_; }

 private:
  friend absl::StatusOr<ParsedOptions> ParseOptions(const Command&,
                                                    const std::vector<std::string>&);
  std::map<std::string, std::vector<std::string>> values_;
  std::string operand_;
  bool has_operand_ = false;
};

// Parses what follows the command's name. "--" ends the options; "-" alone is
// an operand. INVALID_ARGUMENT names the option, what it expects and what was
// given. "--help" anywhere wins over errors that come after it.
absl::StatusOr<ParsedOptions> ParseOptions(const Command& command,
                                           const std::vector<std::string>& arguments);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_PARSED_OPTIONS_H_
